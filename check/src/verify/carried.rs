//! Verdicts that follow from another audit of the same head over a larger or a smaller domain.

use super::examined::Examined;

/// Checks what `here` claims of a token by pointing at another audit: that it loses, since it does in all of space; or that
/// it can win in all of space, since it does in a part of it. Its equals must be the same in both domains: a token that
/// loses to others in all of space may be tied with them in a part of it.
pub fn check(here: &Examined, all: &[Examined], token: u32) -> Result<(), String> {
    let there = here.record().carried_from.and_then(|index| all.get(index));
    let there = there.ok_or("there is no audit to carry its verdict from")?;
    let (Some(equals), Some(equals_there)) = (here.equals(), there.equals()) else {
        return Err("the audit that its verdict is carried from is refused".to_owned());
    };
    let is_free = |audit: &Examined| audit.record().domain.is_free();
    let proved = match (is_free(here), is_free(there)) {
        (false, true) => there.proves_loss(token),
        (true, false) => there.proves_win(token),
        _ => {
            return Err("verdicts are carried only from the free domain and into it".to_owned());
        }
    };
    if !proved {
        let verdict = if is_free(here) { "win" } else { "loss" };
        return Err(format!("the other audit has no accepted proof of its own for its {verdict}"));
    }
    if equals.tie(token) != equals_there.tie(token) {
        return Err(
            "its equals are others in the audit that its verdict is carried from".to_owned()
        );
    }
    Ok(())
}
