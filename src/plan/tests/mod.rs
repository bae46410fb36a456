mod description;
mod faults;
pub(crate) mod fixture;
mod mistakes;
mod users;
mod whole;
