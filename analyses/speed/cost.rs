//! The plot of cost against size.

use anyhow::Result;
use unargmax::report::cost::{Panel, Point, Series, svg};

use crate::results::{Line, Results};
use crate::timing::Timing;

/// `cost.svg`: seconds of audit and product, over `V` at one `d` and over `d` at one `V`.
pub fn plot(results: &Results, dim: usize, tokens: usize) -> Result<String> {
    let by_tokens =
        panel(&results.by_tokens, format!("d = {dim}"), "tokens, V", |l| l.subject.tokens);
    let by_dim =
        panel(&results.by_dim, format!("V = {tokens}"), "dimensions, d", |l| l.subject.dim);
    let panels: Vec<Panel> =
        [by_tokens, by_dim].into_iter().filter(|p| !p.series[0].points.is_empty()).collect();
    Ok(svg("Seconds of a whole audit and of one product W W^T", &panels)?)
}

fn panel(lines: &[Line], title: String, axis: &str, size: impl Fn(&Line) -> usize) -> Panel {
    let series = |name: &str, timing: &dyn Fn(&Line) -> Timing| Series {
        name: name.to_owned(),
        points: lines
            .iter()
            .map(|line| (size(line) as f64, timing(line)))
            .filter(|(_, t)| t.runs() > 0)
            .map(|(x, t)| Point { x, y: t.median(), low: t.min(), high: t.max() })
            .collect(),
    };
    Panel {
        title,
        x_axis: axis.to_owned(),
        y_axis: "seconds".to_owned(),
        series: vec![
            series("audit, file to certificate", &|l| l.audited.timing.clone()),
            series("float32 product W W^T", &|l| l.product.timing.clone()),
        ],
    }
}
