(** Which tokens no hidden state tells apart, and which some hidden state does. *)

From Coq Require Import Reals ZArith List Bool Lra Lia.
From Unargmax Require Import Head Sums Vectors Points Weights Ball.
Import ListNotations.
Local Open Scope Z_scope.

(** Whether neither token is ever ahead of the other. *)
Definition same (H : head) (D : domain) (t j : nat) : bool :=
  never_ahead H (unboxed D) t [(j, 1)] [] && never_ahead H (unboxed D) j [(t, 1)] [].

(** A number of a range: the lower end, the upper one, or 0. *)
Definition one_end (lo hi : option Z) : Z :=
  match lo, hi with
  | Some l, _ => l
  | None, Some u => u
  | None, None => 0
  end.

(** Another number of the range, if there is one. *)
Definition other_end (lo hi : option Z) : Z :=
  match lo, hi with
  | Some _, Some u => u
  | Some l, None => l + 1
  | None, Some u => u - 1
  | None, None => 1
  end.

(** What a function of the ends gives in each coordinate. *)
Fixpoint from_ends (f : option Z -> option Z -> Z) (d : nat) (lo hi : list (option Z)) : list Z :=
  match d with
  | O => []
  | S d' => f (nth 0 lo None) (nth 0 hi None) :: from_ends f d' (tl lo) (tl hi)
  end.

(** The first coordinate in which all three differ: the rows, and the two points. *)
Fixpoint first_difference (k : nat) (rows a b : list Z) : option nat :=
  match rows, a, b with
  | x :: rows', p :: a', q :: b' => if (x =? 0) || (p =? q) then first_difference (S k) rows' a' b' else Some k
  | _, _, _ => None
  end.

(** The list with another number at one place. *)
Fixpoint put (k : nat) (x : Z) (l : list Z) : list Z :=
  match l, k with
  | [], _ => []
  | _ :: l', O => x :: l'
  | y :: l', S k' => y :: put k' x l'
  end.

(** A point of the domain without its box, and one that differs from it in one coordinate in which the rows differ (behind a norm that
    subtracts the mean, in two). That they lie in the domain is checked, not proved. *)
Definition first_point (d : nat) (D : domain) : point :=
  match final_norm D with
  | None => Point (from_ends one_end d (lower D) (upper D)) (Zpos (domain_unit D))
  | Some _ => Point (repeat 0 d) 1
  end.

Definition moved_point (H : head) (D : domain) (t j : nat) : option point :=
  let d := dim H in
  let difference := add_scaled (-1) (row H j) (row H t) in
  match final_norm D with
  | None =>
      let a := from_ends one_end d (lower D) (upper D) in
      let b := from_ends other_end d (lower D) (upper D) in
      match first_difference 0 difference a b with
      | None => None
      | Some k => Some (Point (put k (nth k b 0) a) (Zpos (domain_unit D)))
      end
  | Some N =>
      let y := times difference (gain N) in
      let y := if centred N then map (fun x => x - nth 0 y 0) y else y in
      match first_difference 0 y (repeat 0 d) (repeat 1 d) with
      | None => None
      | Some k =>
          let z := put k 1 (repeat 0 d) in
          Some (Point (if centred N then put 0 (-1) z else z) (4 * Zpos (domain_unit D) * Zpos (domain_unit D)))
      end
  end.

(** Whether the tokens have different scores at a point of the domain. *)
Definition differ_at (H : head) (D : domain) (t j : nat) (p : point) : bool :=
  let h := hidden (dim H) D p in
  negb (tally (row H t, level H t) h =? tally (row H j, level H j) h) && inside (dim H) D p.

Definition differ (H : head) (D : domain) (t j : nat) : bool :=
  let D := unboxed D in
  differ_at H D t j (first_point (dim H) D)
  || match moved_point H D t j with None => false | Some p => differ_at H D t j p end.

Local Open Scope R_scope.

Theorem same_sound : forall H D t j, sound_shape H -> same H D t j = true -> equal H D t j.
Proof.
  intros H D t j S C h Inside. unfold same in C. apply andb_prop in C. destruct C as [A B].
  pose proof (never_ahead_sound H (unboxed D) t [(j, 1%Z)] [] S A h Inside) as P.
  pose proof (never_ahead_sound H (unboxed D) j [(t, 1%Z)] [] S B h Inside) as Q.
  cbn [ahead] in P, Q. lra.
Qed.

Lemma differ_at_sound : forall H D t j p, sound_shape H -> differ_at H (unboxed D) t j p = true -> ~ equal H D t j.
Proof.
  intros H D t j p S C E. pose proof S as [P L].
  unfold differ_at in C. apply andb_prop in C. destruct C as [N I].
  destruct (inside_sound (dim H) (unboxed D) p P I) as [Inside O].
  specialize (E _ Inside).
  apply negb_true_iff, Z.eqb_neq in N. apply N. apply eq_IZR.
  rewrite !tally_is_score by (assumption || apply L).
  rewrite E. reflexivity.
Qed.

Theorem differ_sound : forall H D t j, sound_shape H -> differ H D t j = true -> ~ equal H D t j.
Proof.
  intros H D t j S C. unfold differ in C. apply orb_prop in C. destruct C as [C|C].
  - exact (differ_at_sound H D t j _ S C).
  - destruct (moved_point H (unboxed D) t j) as [p|]; [|discriminate C].
    exact (differ_at_sound H D t j p S C).
Qed.

(** Equal tokens have the same score wherever hidden states lie. *)
Theorem equal_in_domain : forall H D t j, equal H D t j -> forall h, in_domain (dim H) D h -> score H t h = score H j h.
Proof.
  intros H D t j E h [Box Norm]. apply E. unfold unboxed.
  destruct (final_norm D) as [N|] eqn:F.
  - split; [|exact Norm]. intros k _. cbn [lower upper]. split; intros e X; destruct k; discriminate X.
  - split; [exact Box|]. rewrite F. exact I.
Qed.

(** No token has two verdicts. *)
Theorem verdicts_exclude_each_other : forall H D t, (t < tokens H)%nat ->
  ~ (argmaxable H D t /\ tied H D t) /\ ~ (argmaxable H D t /\ unargmaxable H D t) /\ ~ (tied H D t /\ unargmaxable H D t).
Proof.
  intros H D t T. repeat split.
  - intros [[h [Inside Win]] [[j [J [NE E]]] _]].
    specialize (Win j J NE). rewrite (equal_in_domain H D t j E h Inside) in Win. lra.
  - intros [[h [Inside Win]] Lost]. destruct (Lost h Inside) as [j [J [NE Le]]].
    assert (j <> t). { intro Same. subst j. apply NE. intros s _. reflexivity. }
    specialize (Win j J H0). lra.
  - intros [[_ [h [Inside Win]]] Lost]. destruct (Lost h Inside) as [j [J [NE Le]]].
    specialize (Win j J NE). lra.
Qed.
