(** What is proved: heads, domains, and the verdicts on tokens, over the real numbers. docs/certificate.md says the same in words.
    Nothing here computes; everything else in this folder serves the theorem in Certificate.v, which speaks of these definitions. *)

From Coq Require Import Reals ZArith List.
Import ListNotations.
Local Open Scope R_scope.

(** [f 0 + ... + f (n - 1)]. *)
Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S m => f O + sum m (fun k => f (S k))
  end.

(** An integer of a file stands for this real number. The unit is a power of two in practice, and may be any number above 0. *)
Definition number (unit : positive) (n : Z) : R := IZR n / IZR (Zpos unit).

(** A hidden state gives a real number to each coordinate [k < dim]; what it gives to others does not matter. *)
Definition state := nat -> R.

(** The output layer: for each token its row and its bias, in integers. Tokens and coordinates count from 0. *)
Record head := Head {
  dim : nat;
  head_unit : positive;
  rows : list (list Z * Z)
}.

Definition tokens (H : head) : nat := length (rows H).

Definition row (H : head) (t : nat) : list Z := fst (nth t (rows H) ([], 0%Z)).
Definition level (H : head) (t : nat) : Z := snd (nth t (rows H) ([], 0%Z)).

Definition weight (H : head) (t k : nat) : R := number (head_unit H) (nth k (row H t) 0%Z).
Definition bias (H : head) (t : nat) : R := number (head_unit H) (level H t).

(** The logit of token [t] at the hidden state [h]. *)
Definition score (H : head) (t : nat) (h : state) : R := sum (dim H) (fun k => weight H t k * h k) + bias H t.

(** A final norm confines hidden states to [h = gain * Pz + shift] with [|z| < R]; [R^2] is the product of two numbers, and [P] subtracts
    the mean of [z] if the norm is centred. *)
Record norm := Norm {
  radius : Z * Z;
  gain : list Z;
  shift : list Z;
  centred : bool
}.

(** Where hidden states may lie: between the ends that there are, and behind the norm if there is one. *)
Record domain := Domain {
  domain_unit : positive;
  lower : list (option Z);
  upper : list (option Z);
  final_norm : option norm
}.

Definition in_box (d : nat) (D : domain) (h : state) : Prop :=
  forall k, (k < d)%nat ->
    (forall l, nth k (lower D) None = Some l -> number (domain_unit D) l <= h k) /\
    (forall u, nth k (upper D) None = Some u -> h k <= number (domain_unit D) u).

Definition mean (d : nat) (z : state) : R := sum d z / INR d.

Definition behind (d : nat) (unit : positive) (N : norm) (h : state) : Prop :=
  exists z : state,
    sum d (fun k => z k * z k) < number unit (fst (radius N)) * number unit (snd (radius N)) /\
    forall k, (k < d)%nat ->
      h k = number unit (nth k (gain N) 0%Z) * (z k - if centred N then mean d z else 0) + number unit (nth k (shift N) 0%Z).

Definition in_domain (d : nat) (D : domain) (h : state) : Prop :=
  in_box d D h /\ match final_norm D with None => True | Some N => behind d (domain_unit D) N h end.

(** With a norm, tokens are compared at all states behind it, whatever the box is; without one, at all states of the box. *)
Definition unboxed (D : domain) : domain :=
  match final_norm D with
  | None => D
  | Some _ => Domain (domain_unit D) [] [] (final_norm D)
  end.

(** No hidden state tells the tokens apart. Such tokens form a group. *)
Definition equal (H : head) (D : domain) (t j : nat) : Prop :=
  forall h, in_domain (dim H) (unboxed D) h -> score H t h = score H j h.

(** Some hidden state makes [t] the only token with the highest logit. *)
Definition argmaxable (H : head) (D : domain) (t : nat) : Prop :=
  exists h, in_domain (dim H) D h /\
    forall j, (j < tokens H)%nat -> j <> t -> score H j h < score H t h.

(** [t] reaches the highest logit, but only together with its equals. *)
Definition tied (H : head) (D : domain) (t : nat) : Prop :=
  (exists j, (j < tokens H)%nat /\ j <> t /\ equal H D t j) /\
  exists h, in_domain (dim H) D h /\
    forall j, (j < tokens H)%nat -> ~ equal H D t j -> score H j h < score H t h.

(** At every hidden state some token that is not an equal of [t] scores at least as much. *)
Definition unargmaxable (H : head) (D : domain) (t : nat) : Prop :=
  forall h, in_domain (dim H) D h ->
    exists j, (j < tokens H)%nat /\ ~ equal H D t j /\ score H t h <= score H j h.

Inductive verdict := Argmaxable | Tied | Unargmaxable | Undecided.

(** What a verdict on [t] says. *)
Definition holds (H : head) (D : domain) (t : nat) (v : verdict) : Prop :=
  match v with
  | Argmaxable => argmaxable H D t
  | Tied => tied H D t
  | Unargmaxable => unargmaxable H D t
  | Undecided => True
  end.
