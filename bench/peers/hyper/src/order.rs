use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Address {
    street: String,
    city: String,
    zip: String,
}

#[derive(Deserialize, Serialize)]
pub struct Order {
    id: i64,
    name: String,
    email: String,
    tags: Vec<String>,
    address: Address,
    note: String,
}

impl Order {
    /// Checks what the types do not say. serde has no validator.
    pub fn is_valid(&self) -> bool {
        (1..=100).contains(&self.name.chars().count())
            && self.tags.len() <= 16
            && self.note.chars().count() <= 1000
    }
}
