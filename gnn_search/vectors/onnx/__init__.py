"""The towers that a server needs at request time, as ONNX: text, and the user's influence on a query."""
