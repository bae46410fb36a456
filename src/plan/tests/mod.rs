mod conditions;
mod description;
mod faults;
pub(crate) mod fixture;
mod losses;
mod mistakes;
mod shapes;
mod users;
mod whole;
