//! What is measured, and the bare programs it is measured against
