(** Prints what the theorem rests on; build.sh compares it with assumptions.txt. *)

From Unargmax Require Import Head Equals Certificate.

Print Assumptions accepted_certificates_are_true.
Print Assumptions verdicts_exclude_each_other.
