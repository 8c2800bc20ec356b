//! The plots of cost against size, and of where it is spent.

use anyhow::Result;
use unargmax::report::cost::{Bar, Panel, Point, Series, Stacks, stacked, svg};

use crate::results::{Line, Results};
use crate::stages::STAGES;
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

/// `stages.svg`: seconds of each stage of an audit over `d` at one `V`, as shares of the product.
pub fn stages(results: &Results, tokens: usize) -> Result<String> {
    let bar = |line: &Line| {
        let product = line.product.timing.median();
        let share = |name: &str| {
            let stages = line.stages.iter().filter(|s| s.name == name);
            stages.map(|s| s.seconds).sum::<f64>() / product
        };
        let parts = STAGES.iter().map(|stage| share(stage.0)).collect();
        Bar { label: line.subject.dim.to_string(), parts }
    };
    Ok(stacked(&Stacks {
        title: format!("Where an audit spends its time, V = {tokens}"),
        x_axis: "dimensions, d".to_owned(),
        y_axis: "share of one float32 product W W^T".to_owned(),
        layers: STAGES.iter().map(|stage| stage.1.to_owned()).collect(),
        bars: results.by_dim.iter().filter(|l| !l.stages.is_empty()).map(bar).collect(),
    })?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::examples;

    #[test]
    fn stages_are_drawn_for_each_size_that_has_them() {
        let mut results = examples::results();
        let svg = stages(&results, 32000).unwrap();
        assert!(svg.contains("V = 32000") && STAGES.iter().all(|s| svg.contains(s.1)), "{svg}");
        // A bar is as high as its stages take, as a share of the product: (0.1 + 0.3) / 4.
        assert!(svg.contains("0.10"), "{svg}");
        results.by_dim[0].stages.clear();
        assert!(stages(&results, 32000).is_err());
    }
}
