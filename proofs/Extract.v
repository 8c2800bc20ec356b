(** The checker as an OCaml program. Integers and natural numbers of Rocq become integers of any size of the library
    Zarith, whose module is called Big here because Rocq has modules Z and Nat of its own. *)

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

Extract Inductive nat => "Big.t" [ "Big.zero" "Big.succ" ]
  "(fun zero succ n -> if Big.sign n <= 0 then zero () else succ (Big.pred n))".
Extract Inlined Constant Nat.eqb => "Big.equal".
Extract Inlined Constant Nat.leb => "Big.leq".
Extract Inlined Constant Nat.ltb => "Big.lt".

Extract Inductive positive => "Big.t" [ "(fun p -> Big.succ (Big.shift_left p 1))" "(fun p -> Big.shift_left p 1)" "Big.one" ]
  "(fun odd even one p -> if Big.leq p Big.one then one () else if Big.is_odd p then odd (Big.shift_right p 1) else even (Big.shift_right p 1))".
Extract Inductive Z => "Big.t" [ "Big.zero" "" "Big.neg" ]
  "(fun zero positive negative n -> let s = Big.sign n in if s = 0 then zero () else if s > 0 then positive n else negative (Big.neg n))".
Extract Inlined Constant Z.add => "Big.add".
Extract Inlined Constant Z.sub => "Big.sub".
Extract Inlined Constant Z.mul => "Big.mul".
Extract Inlined Constant Z.opp => "Big.neg".
Extract Inlined Constant Z.eqb => "Big.equal".
Extract Inlined Constant Z.leb => "Big.leq".
Extract Inlined Constant Z.ltb => "Big.lt".
Extract Inlined Constant Z.of_nat => "".

Extraction "checker.ml" accepted accepted_audit well_shaped inside right verdicts scope.
