"""The whole process: real sockets, a real store, an upstream inside or beside it."""
