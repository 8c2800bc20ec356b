(** What a norm bounds: [v.h <= v.c + R |P(g v)|], and so why [never_ahead] is right. *)

From Coq Require Import Reals ZArith List Bool Lra Lia.
From Unargmax Require Import Head Sums Vectors Points Weights.
Import ListNotations.
Local Open Scope R_scope.

(** With [x_k = z_k - mean z] if the norm is centred, else [z_k]: [d (y.x)^2 <= d |Py|^2 |z|^2]. *)
Lemma centred_cauchy_schwarz : forall d N y (z : state), (0 < d)%nat -> (length y <= d)%nat ->
  let x := sum d (fun k => entry y k * (z k - if centred N then mean d z else 0)) in
  INR d * (x * x) <= IZR (spread d N y) * sum d (fun k => z k * z k) /\ 0 <= IZR (spread d N y).
Proof.
  intros d N y z P L x.
  assert (W : 0 < INR d) by (apply (lt_INR 0); exact P).
  set (m := if centred N then sum d (entry y) / INR d else 0).
  assert (X : x = sum d (fun k => (entry y k - m) * z k)).
  { unfold x, m. destruct (centred N).
    - rewrite (sum_ext d _ (fun k => entry y k * z k + (- mean d z) * entry y k)) by (intros k _; ring).
      rewrite (sum_plus d (fun k => entry y k * z k) (fun k => (- mean d z) * entry y k)), (sum_scal d _ (entry y)).
      rewrite (sum_ext d (fun k => (entry y k - sum d (entry y) / INR d) * z k)
                 (fun k => entry y k * z k + (- (sum d (entry y) / INR d)) * z k)) by (intros k _; ring).
      rewrite (sum_plus d (fun k => entry y k * z k) (fun k => (- (sum d (entry y) / INR d)) * z k)), (sum_scal d _ z).
      unfold mean. field. lra.
    - apply sum_ext. intros k _. ring. }
  assert (S : IZR (spread d N y) = INR d * sum d (fun k => (entry y k - m) * (entry y k - m))).
  { unfold spread. rewrite minus_IZR, mult_IZR, <- INR_IZR_INZ, (dot_sum y y d L). unfold m.
    rewrite (sum_ext d (fun k => (entry y k - (if centred N then sum d (entry y) / INR d else 0)) *
                                 (entry y k - (if centred N then sum d (entry y) / INR d else 0)))
               (fun k => entry y k * entry y k +
                         ((-2 * (if centred N then sum d (entry y) / INR d else 0)) * entry y k +
                          (if centred N then sum d (entry y) / INR d else 0) *
                          (if centred N then sum d (entry y) / INR d else 0)))) by (intros k _; ring).
    rewrite (sum_plus d (fun k => entry y k * entry y k)
               (fun k => (-2 * (if centred N then sum d (entry y) / INR d else 0)) * entry y k +
                          (if centred N then sum d (entry y) / INR d else 0) *
                          (if centred N then sum d (entry y) / INR d else 0))).
    rewrite (sum_plus d (fun k => (-2 * (if centred N then sum d (entry y) / INR d else 0)) * entry y k)
               (fun _ => (if centred N then sum d (entry y) / INR d else 0) *
                         (if centred N then sum d (entry y) / INR d else 0))).
    rewrite (sum_scal d _ (entry y)), sum_const.
    destruct (centred N).
    - rewrite mult_IZR, (total_sum y d L). field. lra.
    - ring. }
  pose proof (sum_of_squares d (fun k => entry y k - m)) as Q.
  split; [|rewrite S; nra].
  pose proof (cauchy_schwarz d (fun k => entry y k - m) z) as C. cbv beta in C. rewrite <- X in C.
  rewrite S. rewrite Rmult_assoc. apply Rmult_le_compat_l; [lra|exact C].
Qed.

Lemma not_above_square : forall x f, 0 <= - f -> x * x <= f * f -> x <= - f.
Proof.
  intros x f F S. destruct (Rle_lt_dec x (- f)) as [|L]; [assumption|exfalso]. nra.
Qed.

(** The bound of [v.h], times the unit of the domain. *)
Lemma norm_bounds : forall d unit N v h f, (0 < d)%nat -> (length v <= d)%nat -> behind d unit N h ->
  (f <= 0)%Z ->
  (fst (radius N) * snd (radius N) * spread d N (times v (gain N)) <= Z.of_nat d * (f * f) * (Zpos unit * Zpos unit))%Z ->
  IZR (Zpos unit) * sum d (fun k => entry v k * h k) <= IZR (dot v (shift N)) - IZR f.
Proof.
  intros d unit N v h f P L [z [R Hh]] F C.
  pose proof (IZR_pos unit) as U.
  assert (W : 0 < INR d) by (apply (lt_INR 0); exact P).
  set (y := times v (gain N)) in *.
  assert (Ly : (length y <= d)%nat) by (pose proof (length_times v (gain N)); unfold y; lia).
  set (x := sum d (fun k => entry y k * (z k - if centred N then mean d z else 0))).
  assert (Split : IZR (Zpos unit) * sum d (fun k => entry v k * h k) = x + IZR (dot v (shift N))).
  { rewrite (dot_sum v (shift N) d L). unfold x.
    rewrite <- (sum_plus d (fun k => entry y k * (z k - (if centred N then mean d z else 0))) (fun k => entry v k * entry (shift N) k)).
    rewrite <- sum_scal. apply sum_ext. intros k K. rewrite (Hh k K). unfold y. rewrite entry_times.
    unfold number, entry. field. lra. }
  rewrite Split.
  destruct (centred_cauchy_schwarz d N y z P Ly) as [Square Nonneg]. fold x in Square.
  apply IZR_le in C. rewrite !mult_IZR, <- INR_IZR_INZ in C.
  apply IZR_le in F.
  unfold number in R.
  set (r := IZR (fst (radius N)) * IZR (snd (radius N))) in *.
  set (u := IZR (Zpos unit)) in *.
  set (s := IZR (spread d N y)) in *.
  set (zz := sum d (fun k => z k * z k)) in *.
  assert (R' : zz * (u * u) <= r).
  { assert (IZR (fst (radius N)) / u * (IZR (snd (radius N)) / u) * (u * u) = r) as <- by (unfold r; field; lra).
    apply Rmult_le_compat_r; [nra|lra]. }
  assert (X : x <= - IZR f); [|lra].
  apply not_above_square; [lra|].
  apply (Rmult_le_reg_l (INR d * (u * u))); [apply Rmult_lt_0_compat; [exact W|nra]|].
  apply Rle_trans with (s * zz * (u * u)).
  - replace (INR d * (u * u) * (x * x)) with (INR d * (x * x) * (u * u)) by ring.
    apply Rmult_le_compat_r; [nra|exact Square].
  - apply Rle_trans with (s * r).
    + rewrite Rmult_assoc. apply Rmult_le_compat_l; [exact Nonneg|exact R'].
    + replace (s * r) with (r * s) by ring.
      replace (INR d * (u * u) * (IZR f * IZR f)) with (INR d * (IZR f * IZR f) * (u * u)) by ring.
      exact C.
Qed.

Theorem never_ahead_sound : forall H D t weights ends, sound_shape H -> never_ahead H D t weights ends = true ->
  forall h, in_domain (dim H) D h -> ahead H t weights h <= 0.
Proof.
  intros H D t weights ends S C h [Box Norm].
  pose proof S as [P _].
  pose proof (IZR_pos (head_unit H)) as UH.
  pose proof (IZR_pos (domain_unit D)) as UD.
  pose proof (combination_is_ahead H t weights h) as A.
  pose proof (length_combination H t weights S) as L.
  unfold never_ahead in C.
  destruct (combination H t weights) as [u b]. cbn [fst snd] in *.
  assert (G : IZR (Zpos (domain_unit D)) * (sum (dim H) (fun k => entry u k * h k) + IZR b) <= 0).
  { destruct (final_norm D) as [N|].
    - destruct (most ends (lower D) (upper D)) as [m|] eqn:M; [|discriminate C].
      apply andb_prop in C. destruct C as [C Square].
      apply andb_prop in C. destruct C as [Le F].
      apply Nat.leb_le in Le. apply Z.leb_le in F. apply Z.leb_le in Square.
      pose proof (most_bounds (domain_unit D) ends (lower D) (upper D) (dim H) h m Le M Box) as Ends.
      set (v := add_scaled (-1) ends u) in *.
      assert (Lv : (length v <= dim H)%nat) by (apply length_add_scaled; assumption).
      pose proof (norm_bounds (dim H) (domain_unit D) N v h _ P Lv Norm F Square) as Ball.
      rewrite !plus_IZR, mult_IZR in Ball.
      assert (Parts : sum (dim H) (fun k => entry u k * h k)
              = sum (dim H) (fun k => entry v k * h k) + sum (dim H) (fun k => entry ends k * h k)).
      { rewrite <- (sum_plus (dim H) (fun k => entry v k * h k) (fun k => entry ends k * h k)).
        apply sum_ext. intros k _. unfold v. rewrite entry_add_scaled. ring. }
      rewrite Parts. lra.
    - destruct (most u (lower D) (upper D)) as [m|] eqn:M; [|discriminate C].
      apply Z.leb_le in C. apply IZR_le in C. rewrite plus_IZR, mult_IZR in C.
      pose proof (most_bounds (domain_unit D) u (lower D) (upper D) (dim H) h m L M Box) as All.
      lra. }
  rewrite A in G.
  destruct (Rle_lt_dec (ahead H t weights h) 0) as [|Lt]; [assumption|exfalso].
  assert (0 < IZR (Z.pos (domain_unit D)) * (IZR (Z.pos (head_unit H)) * ahead H t weights h)); [|lra].
  apply Rmult_lt_0_compat; [exact UD|]. apply Rmult_lt_0_compat; assumption.
Qed.
