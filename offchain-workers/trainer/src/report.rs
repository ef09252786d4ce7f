//! Tables of measurements, and the page that they are written into.

use anyhow::{bail, Result};
use lantern_exact::Width;

use crate::{
    errors::ErrorBound,
    outliers::{Measured, Outlier, FLOAT_TOLERANCE, OUTLIER_BOUND},
};

/// Verdict on a missed bound; it makes the program fail.
const MISSED: &str = "**missed**";

/// One table of the page and whether every bound in it held.
pub struct Section {
    /// Name of its place in the page.
    pub name: &'static str,
    lines: Vec<String>,
    good: bool,
}

impl Section {
    fn new(name: &'static str, columns: &[&str]) -> Self {
        let head = format!("| {} |", columns.join(" | "));
        Self {
            name,
            lines: vec![head, format!("|{}", "---|".repeat(columns.len()))],
            good: true,
        }
    }

    /// Whether no bound was missed.
    pub fn good(&self) -> bool {
        self.good
    }

    /// The table as Markdown.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    fn row(&mut self, cells: &[&str]) {
        self.good &= !cells.contains(&MISSED);
        self.lines.push(format!("| {} |", cells.join(" | ")));
    }

    /// The table of the routines' errors.
    pub fn errors(all: &[ErrorBound]) -> Self {
        let columns = [
            "routine",
            "arguments",
            "tried",
            "error",
            "largest",
            "at",
            "bound",
            "verdict",
        ];
        let mut out = Self::new("errors", &columns);
        for one in all {
            let exact = if one.bound == 0.0 {
                "0".into()
            } else {
                format!("{:.1e}", one.bound)
            };
            let bound = if one.bound >= 0.01 {
                format!("{:.3}", one.bound)
            } else {
                exact
            };
            let largest = if one.bound >= 0.01 {
                format!("{:.4}", one.error)
            } else {
                format!("{:.2e}", one.error)
            };
            let at = if one.error == 0.0 {
                "-".into()
            } else {
                format!("{:.6e}", one.at)
            };
            out.row(&[
                one.routine,
                one.arguments,
                &one.count.to_string(),
                one.measure.name(),
                &largest,
                &at,
                &bound,
                verdict(one.holds()),
            ]);
        }
        out
    }

    /// The table of models against their float32 twins, still empty.
    pub fn models() -> Self {
        Self::new(
            "models",
            &["model", "arithmetic", "measure", "float32", "exact", "bound", "verdict"],
        )
    }

    /// Adds a measurement to [`models`](Self::models). `bound` and whether it `holds` count in wide arithmetic only.
    pub fn model(&mut self, arithmetic: Arithmetic, texts: [&str; 5], holds: bool) {
        let [model, measure, float, exact, bound] = texts;
        let (bound, verdict) = match arithmetic.width {
            Width::Wide => (bound, verdict(holds)),
            Width::Narrow => ("none", "-"),
        };
        self.row(&[model, arithmetic.name(), measure, float, exact, bound, verdict]);
    }

    /// The table of outliers.
    pub fn outliers(all: &[(Outlier, Measured)]) -> Self {
        let columns = ["outlier", "arithmetic", "perplexity", "against", "bound", "verdict"];
        let mut out = Self::new("outliers", &columns);
        let at_most = format!("x {}", 1.0 + OUTLIER_BOUND);
        let unchanged = format!("x 1 to within {FLOAT_TOLERANCE}");
        for (outlier, measured) in all {
            let mut row = |arithmetic: &str, found: f64, right: f64, bound: &str, verdict: &str| {
                let ratio = format!("{right:.4} (x {:.5})", found / right);
                out.row(&[
                    outlier.name(),
                    arithmetic,
                    &format!("{found:.4}"),
                    &ratio,
                    bound,
                    verdict,
                ]);
            };
            let Measured {
                clean,
                float,
                wide,
                unsmoothed,
                narrow,
            } = *measured;
            row("float32", float, clean, &unchanged, verdict(measured.preserved()));
            row("wide", wide, float, &at_most, verdict(measured.holds(wide)));
            row("narrow, unsmoothed", unsmoothed, float, "none", "-");
            row("narrow", narrow, float, &at_most, verdict(measured.holds(narrow)));
        }
        out
    }
}

/// One way to compute a model exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arithmetic {
    /// Width of activations and keys.
    pub width: Width,
    /// Whether what is narrow is smoothed, as it is outside of measurements.
    pub smooth: bool,
}

impl Arithmetic {
    /// The ways that are measured.
    pub const ALL: [Self; 3] = [
        Self {
            width: Width::Wide,
            smooth: true,
        },
        Self {
            width: Width::Narrow,
            smooth: false,
        },
        Self {
            width: Width::Narrow,
            smooth: true,
        },
    ];

    fn name(self) -> &'static str {
        match (self.width, self.smooth) {
            (Width::Wide, _) => "wide",
            (Width::Narrow, true) => "narrow",
            (Width::Narrow, false) => "narrow, unsmoothed",
        }
    }
}

fn verdict(holds: bool) -> &'static str {
    if holds {
        "holds"
    } else {
        MISSED
    }
}

/// `page` with the table of `section` between its marks, `<!-- NAME: written by lantern-quality -->` and `<!-- end of NAME -->`.
pub fn put(page: &str, section: &Section) -> Result<String> {
    let first = format!("<!-- {}: written by lantern-quality -->\n", section.name);
    let last = format!("<!-- end of {} -->", section.name);
    let (Some((before, rest)), Some((_, after))) = (page.split_once(&first), page.split_once(&last)) else {
        bail!(
            "the page has no marks for '{}': {} and {last}",
            section.name,
            first.trim_end()
        );
    };
    if !rest.contains(&last) {
        bail!("the marks for '{}' are the wrong way round", section.name);
    }
    Ok(format!("{before}{first}\n{}\n\n{last}{after}", section.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::Measure;

    fn error(error: f64) -> ErrorBound {
        ErrorBound {
            routine: "sin",
            arguments: "all",
            count: 3,
            measure: Measure::Absolute,
            error,
            at: 0.5,
            bound: 1e-3,
        }
    }

    #[test]
    fn a_missed_bound_makes_its_section_bad() {
        assert!(Section::errors(&[error(1e-3)]).good());
        let bad = Section::errors(&[error(1e-4), error(1.1e-3)]);
        assert!(!bad.good() && bad.text().contains("| 1.10e-3 | 5.000000e-1 | 1.0e-3 | **missed** |"));
        let mut models = Section::models();
        let narrow = Arithmetic {
            width: Width::Narrow,
            smooth: true,
        };
        models.model(narrow, ["a", "perplexity", "1", "2", "x 1"], false);
        assert!(models.good(), "narrow models have no bound");
        models.model(Arithmetic::ALL[0], ["a", "perplexity", "1", "2", "x 1"], false);
        assert!(!models.good());
    }

    #[test]
    fn outliers_are_judged_against_the_float_model_that_has_them() {
        let good = Measured {
            clean: 10.0,
            float: 10.0005,
            wide: 10.09,
            unsmoothed: 99.0,
            narrow: 10.1,
        };
        assert!(Section::outliers(&[(Outlier::NormGain, good)]).good());
        for bad in [
            Measured { float: 10.002, ..good },
            Measured { wide: 10.11, ..good },
            Measured { narrow: 10.11, ..good },
            Measured {
                narrow: f64::NAN,
                ..good
            },
        ] {
            assert!(
                !Section::outliers(&[(Outlier::KeyBias, good), (Outlier::KeyBias, bad)]).good(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_table_replaces_the_one_before_and_nothing_else() {
        let page = "# A\n<!-- errors: written by lantern-quality -->\nstale\n<!-- end of errors -->\n\ntext\n";
        let section = Section::errors(&[error(0.0)]);
        let once = put(page, &section).unwrap();
        assert!(
            once.starts_with("# A\n") && once.ends_with("<!-- end of errors -->\n\ntext\n") && !once.contains("stale")
        );
        assert_eq!(put(&once, &section).unwrap(), once);
        assert!(put("# A\n", &section).is_err());
        assert!(put(&page.replace("end of", "end"), &section).is_err());
    }
}
