use unargmax::{audit::*, checkpoint, domain::Domain, head::Head};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let c = checkpoint::open(&a[1]).unwrap();
    let name = a.get(3).map(String::as_str).unwrap_or("weight");
    let w = c.read(name).unwrap();
    let b = c.read("bias").ok().map(|b| match b.values { checkpoint::Values::F32(x) => x.into_iter().map(f64::from).collect::<Vec<_>>(), checkpoint::Values::F64(x) => x });
    let (v, d) = (w.info.shape[0], w.info.shape[1]);
    let head = Head::new(w.values, b, v, d).unwrap();
    let domain = Domain::parse(&a[2], d).unwrap();
    let r = audit(&head, &domain, Options::default()).unwrap();
    println!("{v} x {d} {:?} {:?}", r.counts(), r.seconds());
    let mut kinds = std::collections::BTreeMap::new();
    for (t, v) in r.verdicts() { *kinds.entry((v.name(), v.proof())).or_insert(0) += 1; if let unargmax::certify::Verdict::Undecided(u) = v { println!("{t} {} {:?}", u.reason(), u.interval()); } }
    println!("{kinds:?}");
}
