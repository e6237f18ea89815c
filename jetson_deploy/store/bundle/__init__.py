"""One model as one tar with an OCI image layout inside: written by `export`, read by `take_in`."""
