//! Any fault, and any number of them at once, is refused.
