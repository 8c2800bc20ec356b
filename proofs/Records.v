(** The records of a certificate, how each is checked, and that what is accepted is true. *)

From Coq Require Import Reals ZArith List Bool Lra Lia.
From Unargmax Require Import Head Sums Vectors Points Weights Ball Equals.
Import ListNotations.
Local Open Scope Z_scope.

Inductive record :=
  (** These tokens, all equal and ids increasing, lead at the point; all others score less. A single one is argmaxable, several are tied. *)
| Leads (members : list nat) (p : point)
  (** Rivals that are not equal to the token, with weights above 0; with a norm also what the box bounds. *)
| Loses (t : nat) (weights : list (nat * Z)) (ends : list Z)
  (** No verdict. *)
| Open (t : nat).

(** Whether every token that is not a member scores less than [own]; [i] is the first token of the list. *)
Fixpoint all_below (own : Z) (members : list nat) (h : point) (i : nat) (rs : list (list Z * Z)) : bool :=
  match rs with
  | [] => true
  | r :: rs' => ((tally r h <? own) || existsb (Nat.eqb i) members) && all_below own members h (S i) rs'
  end.

Fixpoint increasing (ids : list nat) : bool :=
  match ids with
  | a :: (b :: _) as rest => Nat.ltb a b && increasing rest
  | _ => true
  end.

Definition leads (H : head) (D : domain) (members : list nat) (p : point) : bool :=
  match members with
  | [] => false
  | t :: others =>
      let h := hidden (dim H) D p in
      forallb (fun j => Nat.ltb j (tokens H)) members
      && increasing members
      && forallb (same H D t) others
      && inside (dim H) D p
      && all_below (tally (row H t, level H t) h) members h 0 (rows H)
  end.

Definition loses (H : head) (D : domain) (t : nat) (weights : list (nat * Z)) (ends : list Z) : bool :=
  match weights with
  | [] => false
  | _ =>
      Nat.ltb t (tokens H)
      && forallb (fun jn => Nat.ltb (fst jn) (tokens H) && (0 <? snd jn) && differ H D t (fst jn)) weights
      && never_ahead H D t weights ends
  end.

Definition right (H : head) (D : domain) (r : record) : bool :=
  match r with
  | Leads members p => leads H D members p
  | Loses t weights ends => loses H D t weights ends
  | Open t => Nat.ltb t (tokens H)
  end.

(** The verdicts of a record on tokens of the scope. *)
Definition verdicts_of (in_scope : nat -> bool) (r : record) : list (nat * verdict) :=
  match r with
  | Leads [t] _ => [(t, Argmaxable)]
  | Leads members _ => map (fun t => (t, Tied)) (filter in_scope members)
  | Loses t _ _ => [(t, Unargmaxable)]
  | Open t => [(t, Undecided)]
  end.

Local Open Scope R_scope.

Lemma all_below_sound : forall own members h rs i, all_below own members h i rs = true ->
  forall n, (n < length rs)%nat -> In (i + n)%nat members \/ (tally (nth n rs ([], 0%Z)) h < own)%Z.
Proof.
  intros own members h rs. induction rs as [|r rs IH]; intros i C n N; cbn [length] in N; [lia|].
  cbn [all_below] in C. apply andb_prop in C. destruct C as [First Rest].
  destruct n as [|n]; cbn [nth].
  - apply orb_prop in First. destruct First as [Less|Member].
    + right. apply Z.ltb_lt. exact Less.
    + left. apply existsb_exists in Member. destruct Member as [x [In_ E]]. apply Nat.eqb_eq in E. subst x.
      rewrite Nat.add_0_r. exact In_.
  - destruct (IH (S i) Rest n) as [Member|Less]; [lia| |right; exact Less].
    left. replace (i + S n)%nat with (S i + n)%nat by lia. exact Member.
Qed.

(** What [leads] finds: all members have the score of the first, and all other tokens score less. *)
Lemma leads_sound : forall H D members p, sound_shape H -> leads H D members p = true ->
  (forall t, In t members -> (t < tokens H)%nat) /\
  (forall t j, In t members -> In j members -> equal H D t j) /\
  exists h, in_domain (dim H) D h /\
    forall t j, In t members -> (j < tokens H)%nat -> ~ In j members -> score H j h < score H t h.
Proof.
  intros H D [|t others] p S C; [discriminate C|]. pose proof S as [P L].
  unfold leads in C.
  apply andb_prop in C. destruct C as [C Below].
  apply andb_prop in C. destruct C as [C Inside].
  apply andb_prop in C. destruct C as [C Same].
  apply andb_prop in C. destruct C as [Exist _].
  rewrite forallb_forall in Exist, Same.
  destruct (inside_sound (dim H) D p P Inside) as [InDomain O].
  set (h := hidden (dim H) D p) in *.
  assert (First : forall j, In j (t :: others) -> equal H D t j).
  { intros j [->|J]; [intros s _; reflexivity|]. apply same_sound; [exact S|]. apply Same. exact J. }
  split; [|split].
  - intros j J. apply Nat.ltb_lt. apply Exist. exact J.
  - intros i j I J s X. rewrite <- (First i I s X), <- (First j J s X). reflexivity.
  - exists (real h). split; [exact InDomain|].
    intros i j I J NJ.
    rewrite <- (equal_in_domain H D t i (First i I) (real h) InDomain).
    destruct (all_below_sound _ _ _ _ _ Below j J) as [Member|Less]; [contradiction|].
    apply tally_lt; [exact O|apply L|apply L|].
    unfold row at 1, level at 1. rewrite <- surjective_pairing. exact Less.
Qed.

Lemma loses_sound : forall H D t weights ends, sound_shape H -> loses H D t weights ends = true ->
  (t < tokens H)%nat /\ unargmaxable H D t.
Proof.
  intros H D t [|w weights] ends S C; [discriminate C|].
  unfold loses in C.
  apply andb_prop in C. destruct C as [C Never].
  apply andb_prop in C. destruct C as [T Rivals].
  rewrite forallb_forall in Rivals.
  split; [apply Nat.ltb_lt; exact T|].
  assert (Each : forall j n, In (j, n) (w :: weights) -> (j < tokens H)%nat /\ (0 < n)%Z /\ ~ equal H D t j).
  { intros j n J. specialize (Rivals (j, n) J). cbn [fst snd] in Rivals.
    apply andb_prop in Rivals. destruct Rivals as [Rivals Differ].
    apply andb_prop in Rivals. destruct Rivals as [Exists Positive].
    split; [apply Nat.ltb_lt; exact Exists|split; [apply Z.ltb_lt; exact Positive|exact (differ_sound H D t j S Differ)]]. }
  intros h Inside.
  destruct (some_rival H t (w :: weights) h) as [j [n [J Le]]].
  - discriminate.
  - intros j n J. apply (Each j n J).
  - exact (never_ahead_sound H D t (w :: weights) ends S Never h Inside).
  - exists j. destruct (Each j n J) as [J1 [_ J2]]. auto.
Qed.

Theorem right_sound : forall H D r in_scope, sound_shape H -> right H D r = true ->
  forall t v, In (t, v) (verdicts_of in_scope r) -> (t < tokens H)%nat /\ holds H D t v.
Proof.
  intros H D [members p|t weights ends|t] in_scope S C i v V; cbn [right] in C.
  - destruct (leads_sound H D members p S C) as [Exist [Equal [h [Inside Below]]]].
    destruct members as [|t [|j others]].
    + contradiction V.
    + destruct V as [V|[]]. injection V as <- <-.
      split; [apply Exist; left; reflexivity|]. exists h. split; [exact Inside|].
      intros j J NE. apply Below; [left; reflexivity|exact J|]. intros [E|[]]. congruence.
    + cbn [verdicts_of] in V. apply in_map_iff in V. destruct V as [i' [V Member]]. injection V as <- <-.
      apply filter_In in Member. destruct Member as [Member _].
      split; [apply Exist; exact Member|]. split.
      * destruct (Nat.eq_dec i' t) as [->|NE].
        -- exists j. split; [apply Exist; right; left; reflexivity|split].
           ++ intro E. subst j. unfold leads in C. cbn [increasing] in C.
              rewrite Nat.ltb_irrefl in C. cbn [andb] in C. rewrite andb_false_r in C. discriminate C.
           ++ apply Equal; [exact Member|right; left; reflexivity].
        -- exists t. split; [apply Exist; left; reflexivity|split; [congruence|]].
           apply Equal; [exact Member|left; reflexivity].
      * exists h. split; [exact Inside|].
        intros k K NE. apply Below; [exact Member|exact K|].
        intro Other. apply NE. apply Equal; assumption.
  - destruct V as [V|[]]. injection V as <- <-. exact (loses_sound H D t weights ends S C).
  - destruct V as [V|[]]. injection V as <- <-. split; [apply Nat.ltb_lt; exact C|exact I].
Qed.
