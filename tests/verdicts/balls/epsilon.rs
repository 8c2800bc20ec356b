//! A norm without epsilon leaves the sphere alone: the ball around it is an outer bound, and said to be one.

use unargmax::checkpoint;
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::locate::{Choice, locate};

use super::audited;
use super::files::write_model;

#[test]
fn a_norm_of_epsilon_zero_gives_the_ball_and_says_that_hidden_states_lie_on_its_edge() {
    let reason = |epsilon: f64| {
        let folder = tempfile::tempdir().unwrap();
        write_model(folder.path(), epsilon);
        let opened = checkpoint::open(folder.path()).unwrap();
        let located = locate(opened.as_ref(), folder.path(), &Choice::default()).unwrap();
        assert_eq!(located.final_norm.as_ref().unwrap().epsilon, Some(epsilon));
        let (domain, reason) = located.domain().unwrap();
        assert_eq!(domain.to_string(), "layernorm");
        assert_eq!(domain.ball().unwrap().radius(), [24.0, 1.0]);
        reason
    };
    assert!(reason(0.0).contains("of epsilon 0: hidden states lie on the edge of the ball"));
    assert!(!reason(1e-5).contains("epsilon"));
}

#[test]
fn what_loses_in_the_ball_loses_on_its_edge_but_a_win_may_be_inside_alone() {
    // Token 0 has 1/2 against |z|: behind an RMSNorm of one coordinate without epsilon, z is 1 or -1.
    let head = Head::new(vec![0.0, 1.0, -1.0, 0.0], Some(vec![0.5, 0.0, 0.0, 0.25]), 4, 1).unwrap();
    let ball = Ball::after_norm(vec![1.0], vec![0.0], false).unwrap();
    let found = audited(&head, &Domain::free(1).within(ball).unwrap());
    let names: Vec<_> = found.verdicts().iter().map(|v| v.1.name()).collect();
    assert_eq!(names, ["argmaxable", "argmaxable", "argmaxable", "unargmaxable"]);
    let z = found.verdict(0).unwrap().witness().unwrap().norm();
    assert!(z < 0.5, "its point is inside, which the certificate shows: {z}");
}
