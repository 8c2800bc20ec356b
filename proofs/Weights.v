(** Weights on rivals that bound how far a token can be ahead of them: by the ends of the box alone, or by the box and a norm. *)

From Coq Require Import Reals ZArith List Bool Lra Lia.
From Unargmax Require Import Head Sums Vectors Points.
Import ListNotations.
Local Open Scope Z_scope.

(** The weighted sum of the token's row minus those of its rivals, and the same of the biases. *)
Fixpoint combination (H : head) (t : nat) (weights : list (nat * Z)) : list Z * Z :=
  match weights with
  | [] => ([], 0)
  | (j, n) :: rest =>
      let (u, b) := combination H t rest in
      (add_scaled n (add_scaled (-1) (row H j) (row H t)) u, n * (level H t - level H j) + b)
  end.

(** The weighted sum of how far the token is ahead of its rivals at a hidden state. *)
Fixpoint ahead (H : head) (t : nat) (weights : list (nat * Z)) (h : state) : R :=
  match weights with
  | [] => 0%R
  | (j, n) :: rest => (IZR n * (score H t h - score H j h) + ahead H t rest h)%R
  end.

(** The most that [u.h] can be in the box, times its unit; nothing if there is no such end. *)
Fixpoint most (u : list Z) (lo hi : list (option Z)) : option Z :=
  match u with
  | [] => Some 0
  | x :: u' =>
      match most u' (tl lo) (tl hi) with
      | None => None
      | Some rest =>
          if x =? 0 then Some rest
          else match (if x <? 0 then nth 0 lo None else nth 0 hi None) with
               | None => None
               | Some e => Some (x * e + rest)
               end
      end
  end.

(** [dim] times the squared length of [P y]. *)
Definition spread (d : nat) (N : norm) (y : list Z) : Z :=
  Z.of_nat d * dot y y - if centred N then total y * total y else 0.

(** Whether the token is never ahead, by these weights. Behind a norm, [ends] is the part of the combination that the box bounds, and the
    norm bounds the rest: [F <= 0] and [R^2 d |P(g v)|^2 <= d F^2]. Without a norm the box bounds it all. *)
Definition never_ahead (H : head) (D : domain) (t : nat) (weights : list (nat * Z)) (ends : list Z) : bool :=
  let unit := Zpos (domain_unit D) in
  let (u, b) := combination H t weights in
  match final_norm D with
  | None =>
      match most u (lower D) (upper D) with
      | None => false
      | Some m => m + unit * b <=? 0
      end
  | Some N =>
      match most ends (lower D) (upper D) with
      | None => false
      | Some m =>
          let v := add_scaled (-1) ends u in
          let f := m + dot v (shift N) + unit * b in
          Nat.leb (length ends) (dim H)
          && (f <=? 0)
          && (fst (radius N) * snd (radius N) * spread (dim H) N (times v (gain N))
                <=? Z.of_nat (dim H) * (f * f) * (unit * unit))
      end
  end.

Local Open Scope R_scope.

(** All rows have at most as many numbers as there are coordinates, of which there is one. *)
Definition sound_shape (H : head) : Prop := (0 < dim H)%nat /\ forall t, (length (row H t) <= dim H)%nat.

Lemma length_combination : forall H t weights, sound_shape H -> (length (fst (combination H t weights)) <= dim H)%nat.
Proof.
  intros H t weights [_ S]. induction weights as [|[j n] rest IH]; cbn [combination]; [cbn; lia|].
  destruct (combination H t rest) as [u b]. cbn [fst] in *.
  apply length_add_scaled; [apply length_add_scaled; apply S|exact IH].
Qed.

Lemma combination_is_ahead : forall H t weights h,
  sum (dim H) (fun k => entry (fst (combination H t weights)) k * h k) + IZR (snd (combination H t weights))
  = IZR (Zpos (head_unit H)) * ahead H t weights h.
Proof.
  intros H t weights h. induction weights as [|[j n] rest IH]; cbn [combination ahead].
  - cbn [fst snd]. rewrite (sum_ext (dim H) _ (fun _ => 0)) by (intros k _; rewrite entry_nil; ring).
    rewrite sum_zero. ring.
  - destruct (combination H t rest) as [u b]. cbn [fst snd] in *.
    replace (IZR (Z.pos (head_unit H)) * (IZR n * (score H t h - score H j h) + ahead H t rest h))
      with (IZR n * (IZR (Z.pos (head_unit H)) * score H t h - IZR (Z.pos (head_unit H)) * score H j h)
            + IZR (Z.pos (head_unit H)) * ahead H t rest h) by ring.
    rewrite <- IH, !score_scaled.
    rewrite (sum_ext (dim H) _ (fun k => IZR n * (entry (row H t) k * h k + -1 * (entry (row H j) k * h k)) + entry u k * h k)).
    + rewrite (sum_plus (dim H) (fun k => IZR n * (entry (row H t) k * h k + -1 * (entry (row H j) k * h k))) (fun k => entry u k * h k)).
      rewrite sum_scal.
      rewrite (sum_plus (dim H) (fun k => entry (row H t) k * h k) (fun k => -1 * (entry (row H j) k * h k))).
      rewrite sum_scal. rewrite plus_IZR, mult_IZR, minus_IZR. ring.
    + intros k _. rewrite !entry_add_scaled. ring.
Qed.

Lemma most_bounds : forall unit u lo hi d h m, (length u <= d)%nat ->
  most u lo hi = Some m ->
  (forall k, (k < d)%nat -> (forall l, nth k lo None = Some l -> number unit l <= h k) /\
                            (forall e, nth k hi None = Some e -> h k <= number unit e)) ->
  IZR (Zpos unit) * sum d (fun k => entry u k * h k) <= IZR m.
Proof.
  intros unit u. pose proof (IZR_pos unit) as U.
  induction u as [|x u IH]; intros lo hi d h m L M B; cbn [most] in M.
  - injection M as <-. rewrite (sum_ext d _ (fun _ => 0)) by (intros k _; rewrite entry_nil; ring).
    rewrite sum_zero. lra.
  - destruct d as [|d]; [cbn in L; lia|].
    destruct (most u (tl lo) (tl hi)) as [rest|] eqn:E; [|discriminate M].
    assert (Rest : IZR (Zpos unit) * sum d (fun k => entry u k * h (S k)) <= IZR rest).
    { apply (IH (tl lo) (tl hi) d (fun k => h (S k)) rest); [cbn in L; lia|exact E|].
      intros k K. rewrite !nth_tail. apply B. lia. }
    change (sum (S d) (fun k => entry (x :: u) k * h k)) with (IZR x * h O + sum d (fun k => entry u k * h (S k))).
    destruct (B O) as [Lo Hi]; [lia|].
    destruct (x =? 0)%Z eqn:Zero.
    + apply Z.eqb_eq in Zero. subst x. injection M as <-. lra.
    + destruct (x <? 0)%Z eqn:Sign.
      * apply Z.ltb_lt in Sign. destruct (nth 0 lo None) as [e|] eqn:End; [|discriminate M]. injection M as <-.
        specialize (Lo e eq_refl). unfold number in Lo.
        assert (IZR e <= IZR (Zpos unit) * h O).
        { apply (Rmult_le_compat_l (IZR (Zpos unit))) in Lo; [|lra].
          replace (IZR (Z.pos unit) * (IZR e / IZR (Z.pos unit))) with (IZR e) in Lo by (field; lra). exact Lo. }
        apply IZR_lt in Sign. rewrite plus_IZR, mult_IZR. nra.
      * apply Z.ltb_ge in Sign. destruct (nth 0 hi None) as [e|] eqn:End; [|discriminate M]. injection M as <-.
        specialize (Hi e eq_refl). unfold number in Hi.
        assert (IZR (Zpos unit) * h O <= IZR e).
        { apply (Rmult_le_compat_l (IZR (Zpos unit))) in Hi; [|lra].
          replace (IZR (Z.pos unit) * (IZR e / IZR (Z.pos unit))) with (IZR e) in Hi by (field; lra). exact Hi. }
        apply IZR_le in Sign. rewrite plus_IZR, mult_IZR. nra.
Qed.

(** If the weighted sum is not above 0, the token is not ahead of all its rivals. *)
Lemma some_rival : forall H t weights h, weights <> [] -> (forall j n, In (j, n) weights -> (0 < n)%Z) ->
  ahead H t weights h <= 0 -> exists j n, In (j, n) weights /\ score H t h <= score H j h.
Proof.
  intros H t weights h. induction weights as [|[j n] rest IH]; intros E P A; [contradiction|].
  destruct (Rle_lt_dec (score H t h) (score H j h)) as [Le|Lt].
  - exists j, n. split; [left; reflexivity|exact Le].
  - assert (0 < IZR n) by (apply (IZR_lt 0), (P j n); left; reflexivity).
    cbn [ahead] in A.
    destruct rest as [|r rest].
    + cbn [ahead] in A. nra.
    + destruct IH as [i [m [Member Le]]].
      * discriminate.
      * intros i m Member. apply (P i m). right. exact Member.
      * nra.
      * exists i, m. split; [right; exact Member|exact Le].
Qed.
