(** Lists of integers as vectors. A list that is too short stands for one with zeros behind it. *)

From Coq Require Import Reals ZArith List Lra Lia.
From Unargmax Require Import Head Sums.
Import ListNotations.
Local Open Scope Z_scope.

(** [acc + a.b]. *)
Fixpoint dot_from (acc : Z) (a b : list Z) : Z :=
  match a, b with
  | x :: a', y :: b' => dot_from (acc + x * y) a' b'
  | _, _ => acc
  end.

Definition dot (a b : list Z) : Z := dot_from 0 a b.

(** [acc] and all entries. *)
Fixpoint total_from (acc : Z) (a : list Z) : Z :=
  match a with
  | [] => acc
  | x :: a' => total_from (acc + x) a'
  end.

Definition total (a : list Z) : Z := total_from 0 a.

(** [n a + b]. *)
Fixpoint add_scaled (n : Z) (a b : list Z) : list Z :=
  match a, b with
  | x :: a', y :: b' => (n * x + y) :: add_scaled n a' b'
  | [], _ => b
  | _, [] => map (Z.mul n) a
  end.

(** Coordinate by coordinate. *)
Fixpoint times (a b : list Z) : list Z :=
  match a, b with
  | x :: a', y :: b' => x * y :: times a' b'
  | _, _ => []
  end.

(** The entry [k] as a real number. *)
Definition entry (a : list Z) (k : nat) : R := IZR (nth k a 0).

Lemma entry_nil : forall k, entry [] k = 0%R.
Proof. intros [|k]; reflexivity. Qed.

Lemma dot_from_sum : forall a b acc d, (length a <= d)%nat ->
  IZR (dot_from acc a b) = (IZR acc + sum d (fun k => entry a k * entry b k))%R.
Proof.
  induction a as [|x a IH]; intros b acc d L.
  - cbn [dot_from]. rewrite (sum_ext d _ (fun _ => 0%R)) by (intros k _; rewrite entry_nil; ring).
    rewrite sum_zero. ring.
  - destruct b as [|y b].
    + cbn [dot_from]. rewrite (sum_ext d _ (fun _ => 0%R)) by (intros k _; rewrite entry_nil; ring).
      rewrite sum_zero. ring.
    + destruct d as [|d]; [cbn in L; lia|].
      cbn [dot_from]. rewrite (IH b (acc + x * y) d) by (cbn in L; lia).
      change (sum (S d) (fun k => entry (x :: a) k * entry (y :: b) k)%R)
        with (IZR x * IZR y + sum d (fun k => entry a k * entry b k))%R.
      rewrite plus_IZR, mult_IZR. ring.
Qed.

Lemma dot_sum : forall a b d, (length a <= d)%nat -> IZR (dot a b) = sum d (fun k => entry a k * entry b k)%R.
Proof. intros a b d L. unfold dot. rewrite (dot_from_sum a b 0 d L). ring. Qed.

Lemma total_from_sum : forall a acc d, (length a <= d)%nat -> IZR (total_from acc a) = (IZR acc + sum d (entry a))%R.
Proof.
  induction a as [|x a IH]; intros acc d L.
  - cbn [total_from]. rewrite (sum_ext d _ (fun _ => 0%R)) by (intros k _; apply entry_nil).
    rewrite sum_zero. ring.
  - destruct d as [|d]; [cbn in L; lia|].
    cbn [total_from]. rewrite (IH (acc + x) d) by (cbn in L; lia).
    change (sum (S d) (entry (x :: a))) with (IZR x + sum d (entry a))%R.
    rewrite plus_IZR. ring.
Qed.

Lemma total_sum : forall a d, (length a <= d)%nat -> IZR (total a) = sum d (entry a).
Proof. intros a d L. unfold total. rewrite (total_from_sum a 0 d L). ring. Qed.

Lemma nth_scaled : forall n a k, nth k (map (Z.mul n) a) 0 = n * nth k a 0.
Proof.
  induction a as [|x a IH]; intros [|k]; cbn [map nth]; try lia. apply IH.
Qed.

Lemma nth_add_scaled : forall n a b k, nth k (add_scaled n a b) 0 = n * nth k a 0 + nth k b 0.
Proof.
  induction a as [|x a IH]; intros [|y b] k; cbn [add_scaled].
  - destruct k; cbn [nth]; lia.
  - destruct k; cbn [nth]; lia.
  - rewrite nth_scaled. destruct k; cbn [nth]; lia.
  - destruct k; cbn [nth]; [reflexivity|apply IH].
Qed.

Lemma entry_add_scaled : forall n a b k, entry (add_scaled n a b) k = (IZR n * entry a k + entry b k)%R.
Proof. intros. unfold entry. rewrite nth_add_scaled, plus_IZR, mult_IZR. reflexivity. Qed.

Lemma length_add_scaled : forall d n a b, (length a <= d)%nat -> (length b <= d)%nat -> (length (add_scaled n a b) <= d)%nat.
Proof.
  induction d as [|d IH]; intros n [|x a] [|y b] A B; cbn [add_scaled length] in *; try lia.
  - rewrite map_length. cbn [length]. lia.
  - assert (length (add_scaled n a b) <= d)%nat by (apply IH; lia). lia.
Qed.

Lemma nth_times : forall a b k, nth k (times a b) 0 = nth k a 0 * nth k b 0.
Proof.
  induction a as [|x a IH]; intros [|y b] k; cbn [times]; destruct k; cbn [nth]; try lia. apply IH.
Qed.

Lemma entry_times : forall a b k, entry (times a b) k = (entry a k * entry b k)%R.
Proof. intros. unfold entry. rewrite nth_times, mult_IZR. reflexivity. Qed.

Lemma length_times : forall a b, (length (times a b) <= length a)%nat.
Proof.
  induction a as [|x a IH]; intros [|y b]; cbn [times length]; try lia. specialize (IH b). lia.
Qed.

Lemma nth_tail : forall (A : Type) (l : list (option A)) k, nth k (tl l) None = nth (S k) l None.
Proof. intros A [|x l] [|k]; reflexivity. Qed.

Lemma nth_map_within : forall (f : Z -> Z) a k, (k < length a)%nat -> nth k (map f a) 0 = f (nth k a 0).
Proof.
  intros f a k L. rewrite (nth_indep _ 0 (f 0)) by (rewrite map_length; exact L). apply map_nth.
Qed.
