//! Members of a tenant in the order of their list, so that a page of them is read and not sorted.

const UP: &[&str] = &["CREATE INDEX membership_list_idx ON membership (tenant_id, id)"];

migration!();
