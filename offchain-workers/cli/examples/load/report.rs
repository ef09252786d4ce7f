//! Markdown tables, and where values lie.

/// A table with a name and its values in each row.
pub struct Table<const N: usize>(Vec<[String; N]>);

impl Table<2> {
    /// Adds a row.
    pub fn row(&mut self, name: &str, value: String) {
        self.0.push([name.to_owned(), value]);
    }
}

impl<const N: usize> Table<N> {
    /// A table with these columns.
    pub fn new(columns: [&str; N]) -> Self {
        Self(vec![columns.map(str::to_owned), columns.map(|_| "---".to_owned())])
    }

    /// Adds a row of any width.
    pub fn cells(&mut self, cells: [String; N]) {
        self.0.push(cells);
    }

    /// Prints it.
    pub fn print(&self) {
        for row in &self.0 {
            println!("| {} |", row.join(" | "));
        }
    }
}

/// The value at `part` of a hundred of the sorted values; not a number where there are none.
pub fn at(values: &[f64], part: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * part / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// The middle value.
pub fn middle(values: &[f64]) -> f64 {
    at(values, 50)
}

/// A part of a whole in percent.
pub fn share(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}
