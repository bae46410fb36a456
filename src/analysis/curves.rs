//! The curves that a page draws.

use std::collections::BTreeMap;

use super::{Curve, Curves, samples::Samples, world::World};

/// One value a bin: all load, each service, each feature.
pub(crate) fn curves(world: &World<'_>) -> Curves {
    let mut subjects = BTreeMap::new();
    subjects.insert(String::new(), curve(world, &world.all));
    for (name, judged) in &world.places {
        subjects.insert(name.clone(), curve(world, &judged.samples));
    }
    Curves {
        bin_s: world.grid.width.as_secs_f64(),
        subjects,
    }
}

fn curve(world: &World<'_>, samples: &Samples<'_>) -> Curve {
    let mut curve = Curve::default();
    let end = world.timeline.end.as_secs_f64();
    for (bin, held) in samples.bins.iter().enumerate() {
        // the last bin may be cut short by the run's end
        let start = world.grid.start(bin);
        let seconds = (end - start).clamp(f64::MIN_POSITIVE, world.grid.seconds(1));
        let counts = &held.counts;
        // what is too young to be judged is not nothing: it is not known
        let known = bin < world.grid.known;
        let rate = |n: u64| known.then(|| if n == 0 { 0.0 } else { n as f64 / seconds });
        curve.offered.push(rate(counts.offered));
        curve.good.push(rate(counts.good));
        curve.shed.push(rate(counts.shed));
        curve.errors.push(rate(counts.errors()));
        let latencies = samples.latencies(bin..bin + 1);
        let at = |q| latencies.quantile(q).map(|d| d.as_secs_f64());
        curve.p50_s.push(at(0.5));
        curve.p99_s.push(at(0.99));
    }
    curve
}
