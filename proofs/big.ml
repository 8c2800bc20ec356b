(* The integers of Zarith, under a name that no module of Rocq has. *)

include Z
