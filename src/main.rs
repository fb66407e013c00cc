//! The `org-operator` program.

fn main() {}
