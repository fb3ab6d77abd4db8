//! What attackers try with keys and algorithms.
