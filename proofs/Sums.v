(** Sums of real numbers, and the inequality of Cauchy and Schwarz. *)

From Coq Require Import Reals List Lra Lia.
From Unargmax Require Import Head.
Local Open Scope R_scope.

Lemma sum_ext : forall n f g, (forall k, (k < n)%nat -> f k = g k) -> sum n f = sum n g.
Proof.
  induction n as [|n IH]; intros f g E; cbn [sum]; [reflexivity|].
  rewrite (E O) by lia.
  rewrite (IH (fun k => f (S k)) (fun k => g (S k))); [reflexivity|].
  intros k K. apply E. lia.
Qed.

Lemma sum_plus : forall n f g, sum n (fun k => f k + g k) = sum n f + sum n g.
Proof.
  induction n as [|n IH]; intros f g; cbn [sum]; [lra|].
  rewrite (IH (fun k => f (S k)) (fun k => g (S k))). lra.
Qed.

Lemma sum_scal : forall n c f, sum n (fun k => c * f k) = c * sum n f.
Proof.
  induction n as [|n IH]; intros c f; cbn [sum]; [lra|].
  rewrite (IH c (fun k => f (S k))). lra.
Qed.

Lemma sum_zero : forall n, sum n (fun _ => 0) = 0.
Proof. induction n as [|n IH]; cbn [sum]; lra. Qed.

Lemma sum_const : forall n c, sum n (fun _ => c) = INR n * c.
Proof.
  induction n as [|n IH]; intros c; cbn [sum]; [cbn; lra|].
  rewrite IH, S_INR. lra.
Qed.

Lemma sum_not_negative : forall n f, (forall k, (k < n)%nat -> 0 <= f k) -> 0 <= sum n f.
Proof.
  induction n as [|n IH]; intros f P; cbn [sum]; [lra|].
  assert (0 <= f O) by (apply P; lia).
  assert (0 <= sum n (fun k => f (S k))) by (apply IH; intros k K; apply P; lia).
  lra.
Qed.

Lemma sum_of_squares : forall n f, 0 <= sum n (fun k => f k * f k).
Proof. intros n f. apply sum_not_negative. intros k _. exact (Rle_0_sqr _). Qed.

Lemma cauchy_schwarz : forall n a b,
  sum n (fun k => a k * b k) * sum n (fun k => a k * b k) <= sum n (fun k => a k * a k) * sum n (fun k => b k * b k).
Proof.
  intros n a b.
  set (A := sum n (fun k => a k * a k)).
  set (B := sum n (fun k => b k * b k)).
  set (C := sum n (fun k => a k * b k)).
  assert (Q : forall x, 0 <= A * x * x + 2 * C * x + B).
  { intro x.
    replace (A * x * x + 2 * C * x + B) with (sum n (fun k => (a k * x + b k) * (a k * x + b k))).
    - apply sum_not_negative. intros k _. exact (Rle_0_sqr _).
    - rewrite (sum_ext n _ (fun k => (x * x) * (a k * a k) + ((2 * x) * (a k * b k) + b k * b k)))
        by (intros k _; ring).
      rewrite (sum_plus n (fun k => (x * x) * (a k * a k)) (fun k => (2 * x) * (a k * b k) + b k * b k)).
      rewrite (sum_plus n (fun k => (2 * x) * (a k * b k)) (fun k => b k * b k)).
      rewrite (sum_scal n (x * x) (fun k => a k * a k)).
      rewrite (sum_scal n (2 * x) (fun k => a k * b k)).
      unfold A, B, C. ring. }
  assert (PA : 0 <= A) by apply sum_of_squares.
  assert (PB : 0 <= B) by apply sum_of_squares.
  destruct (Req_dec A 0) as [Z|N].
  - assert (C = 0) as ->; [|rewrite Z; lra].
    destruct (Req_dec C 0) as [|NC]; [assumption|exfalso].
    specialize (Q (- (B + 1) / (2 * C))).
    replace (A * (- (B + 1) / (2 * C)) * (- (B + 1) / (2 * C)) + 2 * C * (- (B + 1) / (2 * C)) + B) with (-1) in Q
      by (rewrite Z; field; assumption).
    lra.
  - specialize (Q (- C / A)).
    replace (A * (- C / A) * (- C / A) + 2 * C * (- C / A) + B) with (B - C * C / A) in Q by (field; assumption).
    assert (L : C * C / A * A <= B * A) by (apply Rmult_le_compat_r; lra).
    replace (C * C / A * A) with (C * C) in L by (field; assumption).
    lra.
Qed.
