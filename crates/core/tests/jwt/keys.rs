//! Which keys of a set are used, and for which tokens.
