(** A whole certificate: each token of the scope has exactly one verdict, and all verdicts are true. *)

From Coq Require Import Reals ZArith List Bool Lra Lia Orders Sorting.Mergesort Permutation.
From Unargmax Require Import Head Sums Vectors Points Weights Ball Equals Records.
Import ListNotations.

Record audit := Audit {
  over_domain : domain;
  (** A point of the domain, so that it is not empty. *)
  somewhere : point;
  (** The tokens with a verdict, ids increasing; nothing means all. *)
  listed : option (list nat);
  records : list record
}.

Definition scope (H : head) (A : audit) : list nat :=
  match listed A with None => seq 0 (tokens H) | Some ids => ids end.

Definition is_in_scope (A : audit) (t : nat) : bool :=
  match listed A with None => true | Some ids => existsb (Nat.eqb t) ids end.

(** All verdicts of an audit. *)
Definition verdicts (A : audit) : list (nat * verdict) := flat_map (verdicts_of (is_in_scope A)) (records A).

Module ById <: TotalLeBool.
  Definition t := nat.
  Definition leb := Nat.leb.
  Theorem leb_total : forall a b, leb a b = true \/ leb b a = true.
  Proof. intros a b. unfold leb. rewrite !Nat.leb_le. lia. Qed.
End ById.

Module Import Sorted := Sort ById.

Fixpoint same_ids (a b : list nat) : bool :=
  match a, b with
  | [], [] => true
  | x :: a', y :: b' => Nat.eqb x y && same_ids a' b'
  | _, _ => false
  end.

(** Whether a tie has a member in the scope, as every other record must. *)
Definition speaks (A : audit) (r : record) : bool :=
  match verdicts_of (is_in_scope A) r with [] => false | _ => true end.

Definition accepted_audit (H : head) (A : audit) : bool :=
  inside (dim H) (over_domain A) (somewhere A)
  && increasing (scope H A)
  && same_ids (sort (map fst (verdicts A))) (scope H A)
  && forallb (fun r => speaks A r && right H (over_domain A) r) (records A).

Definition well_shaped (H : head) : bool :=
  Nat.ltb 0 (dim H) && forallb (fun r => Nat.eqb (length (fst r)) (dim H)) (rows H).

(** The checker. *)
Definition accepted (H : head) (audits : list audit) : bool :=
  match audits with
  | [] => false
  | _ => well_shaped H && forallb (accepted_audit H) audits
  end.

Lemma well_shaped_sound : forall H, well_shaped H = true -> sound_shape H.
Proof.
  intros H C. unfold well_shaped in C. apply andb_prop in C. destruct C as [P L].
  split; [apply Nat.ltb_lt; exact P|]. intro t. rewrite forallb_forall in L. unfold row.
  destruct (Nat.lt_ge_cases t (length (rows H))) as [In_|Out].
  - specialize (L _ (nth_In (rows H) ([], 0%Z) In_)). apply Nat.eqb_eq in L. lia.
  - rewrite nth_overflow by exact Out. cbn. lia.
Qed.

Lemma same_ids_sound : forall a b, same_ids a b = true -> a = b.
Proof.
  induction a as [|x a IH]; intros [|y b] C; cbn [same_ids] in C; try discriminate C; [reflexivity|].
  apply andb_prop in C. destruct C as [E R]. apply Nat.eqb_eq in E. rewrite E, (IH b R). reflexivity.
Qed.

Lemma increasing_above : forall ids a, increasing (a :: ids) = true -> forall b, In b ids -> (a < b)%nat.
Proof.
  induction ids as [|x ids IH]; intros a C b Member; [contradiction Member|]. destruct Member as [E|B].
  - subst x. cbn [increasing] in C. apply andb_prop in C. apply Nat.ltb_lt. apply C.
  - cbn [increasing] in C. apply andb_prop in C. destruct C as [L C]. apply Nat.ltb_lt in L.
    specialize (IH x C b B). lia.
Qed.

Lemma increasing_distinct : forall ids, increasing ids = true -> NoDup ids.
Proof.
  induction ids as [|a ids IH]; intro C; constructor.
  - intro Member. pose proof (increasing_above ids a C a Member). lia.
  - apply IH. destruct ids as [|b ids]; [reflexivity|]. cbn [increasing] in C. apply andb_prop in C. apply C.
Qed.

Lemma distinct_keys : forall (l : list (nat * verdict)) t v w, NoDup (map fst l) -> In (t, v) l -> In (t, w) l -> v = w.
Proof.
  induction l as [|[i x] l IH]; intros t v w N V W; [contradiction|].
  cbn [map fst] in N. inversion N as [|? ? NI N']; subst.
  destruct V as [V|V], W as [W|W].
  - congruence.
  - injection V as <- <-. exfalso. apply NI. exact (in_map fst _ _ W).
  - injection W as <- <-. exfalso. apply NI. exact (in_map fst _ _ V).
  - exact (IH t v w N' V W).
Qed.

(** The theorem. In words: if the checker accepts, the domain of each audit holds a hidden state; each token of the scope is a token of the
    head and has exactly one verdict; no other token has one; and every verdict is true, over all real hidden states of the domain. *)
Theorem accepted_certificates_are_true : forall H audits, accepted H audits = true ->
  forall A, In A audits ->
    (exists h, in_domain (dim H) (over_domain A) h) /\
    (forall t, In t (scope H A) <-> exists v, In (t, v) (verdicts A)) /\
    (forall t v w, In (t, v) (verdicts A) -> In (t, w) (verdicts A) -> v = w) /\
    (forall t v, In (t, v) (verdicts A) -> (t < tokens H)%nat /\ holds H (over_domain A) t v).
Proof.
  intros H [|B audits] C A Member; [discriminate C|].
  unfold accepted in C. apply andb_prop in C. destruct C as [Shape C].
  apply well_shaped_sound in Shape. pose proof Shape as [P _].
  rewrite forallb_forall in C. specialize (C A Member).
  unfold accepted_audit in C.
  apply andb_prop in C. destruct C as [C Right].
  apply andb_prop in C. destruct C as [C Covered].
  apply andb_prop in C. destruct C as [Inside Rising].
  apply same_ids_sound in Covered.
  pose proof (Permuted_sort (map fst (verdicts A))) as Perm. rewrite Covered in Perm.
  rewrite forallb_forall in Right.
  split; [|split; [|split]].
  - eexists. apply (inside_sound _ _ _ P Inside).
  - intro t. split.
    + intro T. apply (Permutation_in _ (Permutation_sym Perm)) in T.
      apply in_map_iff in T. destruct T as [[i v] [E V]]. cbn [fst] in E. subst i. exists v. exact V.
    + intros [v V]. apply (Permutation_in _ Perm). exact (in_map fst _ _ V).
  - intros t v w. apply distinct_keys.
    apply (Permutation_NoDup (Permutation_sym Perm)). apply increasing_distinct. exact Rising.
  - intros t v V. unfold verdicts in V. apply in_flat_map in V. destruct V as [r [R V]].
    specialize (Right r R). apply andb_prop in Right. destruct Right as [_ Right].
    exact (right_sound H (over_domain A) r (is_in_scope A) Shape Right t v V).
Qed.
