"""Tables and figures from the result store: one file an artefact, a pure function and a thin writer."""
