(** The checker as an OCaml program. Integers and natural numbers of Rocq become integers of any size of the library Zarith. *)

From Coq Require Import ZArith List Extraction.
From Unargmax Require Import Head Vectors Points Weights Equals Records Certificate.

Extraction Language OCaml.

Extract Inductive bool => bool [ true false ].
Extract Inductive option => option [ Some None ].
Extract Inductive list => list [ "[]" "( :: )" ].
Extract Inductive prod => "( * )" [ "" ].
Extract Inlined Constant andb => "( && )".
Extract Inlined Constant orb => "( || )".
Extract Inlined Constant negb => "not".

Extract Inductive nat => "Z.t" [ "Z.zero" "Z.succ" ]
  "(fun zero succ n -> if Z.sign n <= 0 then zero () else succ (Z.pred n))".
Extract Inlined Constant Nat.eqb => "Z.equal".
Extract Inlined Constant Nat.leb => "Z.leq".
Extract Inlined Constant Nat.ltb => "Z.lt".

Extract Inductive positive => "Z.t" [ "(fun p -> Z.succ (Z.shift_left p 1))" "(fun p -> Z.shift_left p 1)" "Z.one" ]
  "(fun odd even one p -> if Z.leq p Z.one then one () else if Z.is_odd p then odd (Z.shift_right p 1) else even (Z.shift_right p 1))".
Extract Inductive Z => "Z.t" [ "Z.zero" "" "Z.neg" ]
  "(fun zero positive negative n -> let s = Z.sign n in if s = 0 then zero () else if s > 0 then positive n else negative (Z.neg n))".
Extract Inlined Constant Z.add => "Z.add".
Extract Inlined Constant Z.sub => "Z.sub".
Extract Inlined Constant Z.mul => "Z.mul".
Extract Inlined Constant Z.opp => "Z.neg".
Extract Inlined Constant Z.eqb => "Z.equal".
Extract Inlined Constant Z.leb => "Z.leq".
Extract Inlined Constant Z.ltb => "Z.lt".
Extract Inlined Constant Z.of_nat => "".

Extraction "checker.ml" accepted accepted_audit well_shaped inside right verdicts scope.
