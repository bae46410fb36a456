mod description;
mod faults;
pub(crate) mod fixture;
mod mistakes;
mod shapes;
mod users;
mod whole;
