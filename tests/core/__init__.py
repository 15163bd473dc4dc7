"""The conversation's machines: plain lists in, plain lists out."""
