(** Points with rational coordinates: whether they lie in a domain, and the scores there. *)

From Coq Require Import Reals ZArith List Bool Lra Lia.
From Unargmax Require Import Head Sums Vectors.
Import ListNotations.
Local Open Scope Z_scope.

(** Integers over one denominator: behind a norm these are coordinates of [z], else of the hidden state. *)
Record point := Point { coordinates : list Z; over : Z }.

(** The real numbers of a point. *)
Definition real (p : point) : state := fun k => (entry (coordinates p) k / IZR (over p))%R.

(** The hidden state of a point: behind a norm [gain * Pz + shift], multiplied by a common denominator. *)
Definition hidden (d : nat) (D : domain) (p : point) : point :=
  match final_norm D with
  | None => p
  | Some N =>
      let m := if centred N then Z.of_nat d else 1 in
      let s := if centred N then total (coordinates p) else 0 in
      Point (add_scaled (m * over p) (shift N) (times (gain N) (map (fun x => m * x - s) (coordinates p))))
        (m * over p * Zpos (domain_unit D))
  end.

(** Whether the coordinates [xs / n] are not below the lower ends, which are over [unit]. *)
Fixpoint not_below (ends : list (option Z)) (xs : list Z) (n unit : Z) : bool :=
  match ends with
  | [] => true
  | e :: ends' =>
      match e with None => true | Some l => l * n <=? hd 0 xs * unit end && not_below ends' (tl xs) n unit
  end.

(** Whether they are not above the upper ends. *)
Fixpoint not_above (ends : list (option Z)) (xs : list Z) (n unit : Z) : bool :=
  match ends with
  | [] => true
  | e :: ends' =>
      match e with None => true | Some u => hd 0 xs * unit <=? u * n end && not_above ends' (tl xs) n unit
  end.

(** Whether the hidden state of a point lies in the domain, and the point strictly inside the ball of the norm. *)
Definition inside (d : nat) (D : domain) (p : point) : bool :=
  let unit := Zpos (domain_unit D) in
  let h := hidden d D p in
  (0 <? over p)
  && Nat.eqb (length (coordinates p)) d
  && match final_norm D with
     | None => true
     | Some N =>
         dot (coordinates p) (coordinates p) * (unit * unit) <? fst (radius N) * snd (radius N) * (over p * over p)
     end
  && not_below (lower D) (coordinates h) (over h) unit
  && not_above (upper D) (coordinates h) (over h) unit.

(** The score of a token at a hidden state, times its denominator and the unit of the head. *)
Definition tally (r : list Z * Z) (h : point) : Z := dot (fst r) (coordinates h) + snd r * over h.

Lemma nth_heads : forall xs k, nth k (tl xs) 0 = nth (S k) xs 0.
Proof. intros [|x xs] [|k]; reflexivity. Qed.

Lemma head_is_nth : forall xs, hd 0 xs = nth 0 xs 0.
Proof. intros [|x xs]; reflexivity. Qed.

Lemma not_below_sound : forall ends xs n unit, not_below ends xs n unit = true ->
  forall k l, nth k ends None = Some l -> l * n <= nth k xs 0 * unit.
Proof.
  induction ends as [|e ends IH]; intros xs n unit C k l E.
  - destruct k; discriminate E.
  - cbn [not_below] in C. apply andb_prop in C. destruct C as [C1 C2].
    destruct k as [|k]; cbn [nth] in E.
    + subst e. rewrite head_is_nth in C1. apply Z.leb_le. exact C1.
    + rewrite <- nth_heads. exact (IH (tl xs) n unit C2 k l E).
Qed.

Lemma not_above_sound : forall ends xs n unit, not_above ends xs n unit = true ->
  forall k u, nth k ends None = Some u -> nth k xs 0 * unit <= u * n.
Proof.
  induction ends as [|e ends IH]; intros xs n unit C k u E.
  - destruct k; discriminate E.
  - cbn [not_above] in C. apply andb_prop in C. destruct C as [C1 C2].
    destruct k as [|k]; cbn [nth] in E.
    + subst e. rewrite head_is_nth in C1. apply Z.leb_le. exact C1.
    + rewrite <- nth_heads. exact (IH (tl xs) n unit C2 k u E).
Qed.

Local Open Scope R_scope.

Lemma IZR_pos : forall p, 0 < IZR (Zpos p).
Proof. intro p. apply (IZR_lt 0). reflexivity. Qed.

(** Comparing fractions by cross multiplication. *)
Lemma quotients_le : forall a b c e, 0 < b -> 0 < e -> a * e <= c * b -> a / b <= c / e.
Proof.
  intros a b c e B E L.
  apply (Rmult_le_reg_r (b * e)); [nra|].
  replace (a / b * (b * e)) with (a * e) by (field; lra).
  replace (c / e * (b * e)) with (c * b) by (field; lra).
  exact L.
Qed.

Lemma quotients_lt : forall a b c e, 0 < b -> 0 < e -> a * e < c * b -> a / b < c / e.
Proof.
  intros a b c e B E L.
  apply (Rmult_lt_reg_r (b * e)); [nra|].
  replace (a / b * (b * e)) with (a * e) by (field; lra).
  replace (c / e * (b * e)) with (c * b) by (field; lra).
  exact L.
Qed.

Lemma sum_real : forall d p, sum d (real p) = sum d (entry (coordinates p)) / IZR (over p).
Proof.
  intros d p.
  rewrite (sum_ext d (real p) (fun k => / IZR (over p) * entry (coordinates p) k)).
  - rewrite sum_scal. unfold Rdiv. ring.
  - intros k _. unfold real, Rdiv. ring.
Qed.

Lemma sum_real_squares : forall d p,
  sum d (fun k => real p k * real p k)
  = sum d (fun k => entry (coordinates p) k * entry (coordinates p) k) / (IZR (over p) * IZR (over p)).
Proof.
  intros d p.
  rewrite (sum_ext d _ (fun k => (/ IZR (over p) * / IZR (over p)) * (entry (coordinates p) k * entry (coordinates p) k))).
  - rewrite sum_scal. unfold Rdiv. rewrite Rinv_mult. ring.
  - intros k _. unfold real, Rdiv. ring.
Qed.

(** The hidden state of a point behind a norm. *)
Lemma hidden_behind : forall d D N p, (0 < d)%nat -> final_norm D = Some N ->
  (0 < over p)%Z -> length (coordinates p) = d ->
  (dot (coordinates p) (coordinates p) * (Zpos (domain_unit D) * Zpos (domain_unit D))
     < fst (radius N) * snd (radius N) * (over p * over p))%Z ->
  behind d (domain_unit D) N (real (hidden d D p)) /\ (0 < over (hidden d D p))%Z.
Proof.
  intros d D N p P E O L B.
  assert (U : 0 < IZR (Zpos (domain_unit D))) by apply IZR_pos.
  assert (V : 0 < IZR (over p)) by (apply (IZR_lt 0); exact O).
  assert (W : 0 < INR d) by (apply (lt_INR 0); exact P).
  unfold hidden. rewrite E. split.
  - exists (real p). split.
    + rewrite sum_real_squares, <- (dot_sum (coordinates p) (coordinates p) d) by lia.
      apply IZR_lt in B. rewrite !mult_IZR in B.
      unfold number.
      replace (IZR (fst (radius N)) / IZR (Z.pos (domain_unit D)) * (IZR (snd (radius N)) / IZR (Z.pos (domain_unit D))))
        with (IZR (fst (radius N)) * IZR (snd (radius N)) / (IZR (Z.pos (domain_unit D)) * IZR (Z.pos (domain_unit D))))
        by (field; lra).
      apply quotients_lt; [nra|nra|exact B].
    + intros k K. unfold real at 1. cbn [coordinates over].
      rewrite entry_add_scaled, entry_times. unfold entry at 3.
      rewrite nth_map_within by lia.
      fold (entry (shift N) k). fold (entry (gain N) k).
      change (IZR (nth k (shift N) 0%Z)) with (entry (shift N) k).
      unfold number.
      change (IZR (nth k (gain N) 0%Z)) with (entry (gain N) k).
      change (IZR (nth k (shift N) 0%Z)) with (entry (shift N) k).
      destruct (centred N).
      * unfold mean. rewrite sum_real, <- (total_sum (coordinates p) d) by lia.
        rewrite minus_IZR, !mult_IZR, <- INR_IZR_INZ.
        unfold real, entry. field. lra.
      * rewrite minus_IZR, !mult_IZR. unfold real, entry. field. lra.
  - cbn [over]. destruct (centred N); nia.
Qed.

Lemma in_the_box : forall d D h, (0 < over h)%Z ->
  not_below (lower D) (coordinates h) (over h) (Zpos (domain_unit D)) = true ->
  not_above (upper D) (coordinates h) (over h) (Zpos (domain_unit D)) = true ->
  in_box d D (real h).
Proof.
  intros d D h O B A k _.
  assert (U : 0 < IZR (Zpos (domain_unit D))) by apply IZR_pos.
  assert (V : 0 < IZR (over h)) by (apply (IZR_lt 0); exact O).
  unfold number, real, entry. split; intros e E; apply quotients_le; try assumption; rewrite <- !mult_IZR; apply IZR_le.
  - exact (not_below_sound _ _ _ _ B k e E).
  - exact (not_above_sound _ _ _ _ A k e E).
Qed.

Theorem inside_sound : forall d D p, (0 < d)%nat -> inside d D p = true ->
  in_domain d D (real (hidden d D p)) /\ (0 < over (hidden d D p))%Z.
Proof.
  intros d D p P C. unfold inside in C.
  apply andb_prop in C. destruct C as [C A].
  apply andb_prop in C. destruct C as [C B].
  apply andb_prop in C. destruct C as [C R].
  apply andb_prop in C. destruct C as [O L].
  apply Z.ltb_lt in O. apply Nat.eqb_eq in L.
  unfold in_domain. destruct (final_norm D) as [N|] eqn:E.
  - apply Z.ltb_lt in R.
    destruct (hidden_behind d D N p P E O L R) as [H Q].
    split; [split|exact Q].
    + apply in_the_box; assumption.
    + exact H.
  - assert (hidden d D p = p) as Same by (unfold hidden; rewrite E; reflexivity).
    rewrite Same in *. split; [split|exact O].
    + apply in_the_box; assumption.
    + exact I.
Qed.

Lemma score_scaled : forall H t h,
  IZR (Zpos (head_unit H)) * score H t h = sum (dim H) (fun k => entry (row H t) k * h k) + IZR (level H t).
Proof.
  intros H t h. unfold score, bias, number. pose proof (IZR_pos (head_unit H)) as U.
  rewrite (sum_ext (dim H) (fun k => weight H t k * h k) (fun k => / IZR (Zpos (head_unit H)) * (entry (row H t) k * h k))).
  - rewrite sum_scal. field. lra.
  - intros k _. unfold weight, number, entry, Rdiv. ring.
Qed.

Lemma tally_is_score : forall H t h, (0 < over h)%Z -> (length (row H t) <= dim H)%nat ->
  IZR (tally (row H t, level H t) h) = IZR (Zpos (head_unit H)) * IZR (over h) * score H t (real h).
Proof.
  intros H t h O L.
  assert (V : 0 < IZR (over h)) by (apply (IZR_lt 0); exact O).
  replace (IZR (Zpos (head_unit H)) * IZR (over h) * score H t (real h))
    with (IZR (over h) * (IZR (Zpos (head_unit H)) * score H t (real h))) by ring.
  rewrite score_scaled. unfold tally. cbn [fst snd].
  rewrite plus_IZR, mult_IZR, (dot_sum _ _ (dim H) L).
  rewrite (sum_ext (dim H) (fun k => entry (row H t) k * real h k)
             (fun k => / IZR (over h) * (entry (row H t) k * entry (coordinates h) k)))
    by (intros k _; unfold real, Rdiv; ring).
  rewrite sum_scal. field. lra.
Qed.

(** Integers compare as the scores do. *)
Lemma tally_lt : forall H t j h, (0 < over h)%Z -> (length (row H t) <= dim H)%nat -> (length (row H j) <= dim H)%nat ->
  (tally (row H j, level H j) h < tally (row H t, level H t) h)%Z -> score H j (real h) < score H t (real h).
Proof.
  intros H t j h O L M C. apply IZR_lt in C.
  rewrite !tally_is_score in C by assumption.
  assert (V : 0 < IZR (over h)) by (apply (IZR_lt 0); exact O).
  pose proof (IZR_pos (head_unit H)) as U.
  apply (Rmult_lt_reg_l (IZR (Zpos (head_unit H)) * IZR (over h))); [nra|exact C].
Qed.
