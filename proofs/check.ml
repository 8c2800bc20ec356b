(* Reads the text that `unargmax export --exact` writes and lets the extracted checker judge it. This reader, the extraction, the OCaml
   compiler and Zarith are trusted beside the proofs; README.md says what for. Nothing in here decides anything. *)

open Checker
module Z = Big

exception Unreadable of string

let fail message = raise (Unreadable message)

(* Words of a text, one after the other. *)
type words = { text : string; mutable at : int; mutable count : int }

let is_space c = c = ' ' || c = '\n'

(* The ends of the next word. *)
let next words =
  let length = String.length words.text in
  let rec start i = if i < length && is_space words.text.[i] then start (i + 1) else i in
  let rec stop i = if i < length && not (is_space words.text.[i]) then stop (i + 1) else i in
  let first = start words.at in
  if first = length then fail "the file ends too early";
  let last = stop first in
  words.at <- last;
  words.count <- words.count + 1;
  (first, last)

let word words =
  let first, last = next words in
  String.sub words.text first (last - first)

let shown text = if String.length text <= 40 then text else String.sub text 0 40 ^ "..."

let expect words expected =
  let found = word words in
  if found <> expected then fail (Printf.sprintf "word %d is %S, not %S" words.count (shown found) expected)

(* An integer: an optional minus sign and decimal digits, nothing else. *)
let integer_at words first last =
  let text = words.text in
  let negative = text.[first] = '-' in
  let digits = if negative then first + 1 else first in
  let unreadable () =
    fail (Printf.sprintf "word %d is %S, no integer" words.count (shown (String.sub text first (last - first))))
  in
  if digits = last then unreadable ();
  for i = digits to last - 1 do
    if text.[i] < '0' || text.[i] > '9' then unreadable ()
  done;
  if last - digits <= 18 then begin
    let n = ref 0 in
    for i = digits to last - 1 do
      n := (10 * !n) + Char.code text.[i] - Char.code '0'
    done;
    Z.of_int (if negative then - !n else !n)
  end
  else Z.of_string (String.sub text first (last - first))

let integer words =
  let first, last = next words in
  integer_at words first last

(* A natural number of Rocq is extracted as an integer that is not negative. *)
let natural words =
  let n = integer words in
  if Z.sign n < 0 then fail (Printf.sprintf "word %d is below 0" words.count);
  n

let positive words =
  let n = integer words in
  if Z.sign n <= 0 then fail (Printf.sprintf "word %d is not above 0" words.count);
  n

(* The length of a list that follows. *)
let count words =
  let n = natural words in
  if not (Z.fits_int n) || Z.to_int n > String.length words.text then fail (Printf.sprintf "word %d is too large a count" words.count);
  Z.to_int n

let list count item =
  let rec go n items = if n = 0 then List.rev items else go (n - 1) (item () :: items) in
  go count []

let integers words count = list count (fun () -> integer words)

(* An end of a range, or none. *)
let range_end words =
  let first, last = next words in
  if last = first + 1 && words.text.[first] = '-' then None else Some (integer_at words first last)

let point words dim =
  let over = integer words in
  { coordinates = integers words dim; over }

let record words dim =
  match word words with
  | "leads" ->
      let members = list (count words) (fun () -> natural words) in
      Leads (members, point words dim)
  | "loses" ->
      let token = natural words in
      let weight () =
        let rival = natural words in
        (rival, integer words)
      in
      let weights = list (count words) weight in
      Loses (token, weights, integers words (count words))
  | "open" -> Open (natural words)
  | other -> fail (Printf.sprintf "word %d is %S, no kind of record" words.count (shown other))

let norm words dim =
  let behind centred =
    let first = integer words in
    let radius = (first, integer words) in
    expect words "gain";
    let gain = integers words dim in
    expect words "shift";
    Some { radius; gain; shift = integers words dim; centred }
  in
  match word words with
  | "none" -> None
  | "plain" -> behind false
  | "centred" -> behind true
  | other -> fail (Printf.sprintf "word %d is %S, no kind of norm" words.count (shown other))

let audit words dim =
  expect words "audit";
  expect words "unit";
  let domain_unit = positive words in
  let ends name =
    expect words name;
    list (count words) (fun () -> range_end words)
  in
  let lower = ends "lower" in
  let upper = ends "upper" in
  expect words "norm";
  let final_norm = norm words dim in
  expect words "somewhere";
  let somewhere = point words dim in
  expect words "scope";
  let first, last = next words in
  let listed =
    if String.sub words.text first (last - first) = "all" then None
    else begin
      words.at <- first;
      words.count <- words.count - 1;
      Some (list (count words) (fun () -> natural words))
    end
  in
  expect words "records";
  let records = list (count words) (fun () -> record words dim) in
  { over_domain = { domain_unit; lower; upper; final_norm }; somewhere; listed; records }

let certificate words =
  List.iter (expect words) [ "unargmax"; "exact"; "certificate"; "1"; "head" ];
  let sha256 = word words in
  let width = word words in
  if width <> "f32" && width <> "f64" then fail "the width of the rows is neither f32 nor f64";
  let biased = word words in
  if biased <> "biased" && biased <> "unbiased" then fail "the head is neither biased nor unbiased";
  expect words "tokens";
  let tokens = count words in
  expect words "dim";
  let dim = count words in
  expect words "unit";
  let head_unit = positive words in
  let row () =
    expect words "row";
    let bias = integer words in
    (integers words dim, bias)
  in
  let rows = list tokens row in
  expect words "audits";
  let audits = list (count words) (fun () -> audit words dim) in
  let rest = ref words.at in
  while !rest < String.length words.text && is_space words.text.[!rest] do incr rest done;
  if !rest <> String.length words.text then fail "something follows the last record";
  (sha256, { dim = Z.of_int dim; head_unit; rows }, audits)

let name_of domain =
  let has_box = List.exists (fun e -> e <> None) (domain.lower @ domain.upper) in
  match (has_box, domain.final_norm) with
  | false, None -> "free"
  | true, None -> "box"
  | false, Some _ -> "ball"
  | true, Some _ -> "box and ball"

let verdict_count audit verdict = List.length (List.filter (fun (_, v) -> v = verdict) (verdicts audit))

let tell_accepted audit =
  let n = verdict_count audit in
  Printf.printf "%s: %d argmaxable, %d tied, %d unargmaxable accepted; %d without a verdict\n" (name_of audit.over_domain) (n Argmaxable)
    (n Tied) (n Unargmaxable) (n Undecided)

let tell_record head audit record =
  if not (right head audit.over_domain record) then
    match record with
    | Leads (members, _) -> Printf.printf "  refused: the point of token %s\n" (String.concat ", " (List.map Z.to_string members))
    | Loses (token, _, _) -> Printf.printf "  refused: the weights against token %s\n" (Z.to_string token)
    | Open token -> Printf.printf "  refused: token %s, which does not exist\n" (Z.to_string token)

(* Looks for the faults once more, for people. *)
let tell_refused head audit =
  if not (accepted_audit head audit) then begin
    Printf.printf "%s: refused\n" (name_of audit.over_domain);
    if not (inside head.dim audit.over_domain audit.somewhere) then print_endline "  refused: the point of the domain";
    List.iter (tell_record head audit) audit.records;
    let of_scope = scope head audit in
    let given = List.sort Z.compare (List.map fst (verdicts audit)) in
    if given <> of_scope then print_endline "  refused: not every token of the scope has exactly one verdict"
  end

let () =
  match Sys.argv with
  | [| _; path |] -> begin
      try
        let file = open_in_bin path in
        let text = really_input_string file (in_channel_length file) in
        close_in file;
        let sha256, head, audits = certificate { text; at = 0; count = 0 } in
        let started = Sys.time () in
        let good = accepted head audits in
        Printf.printf "head of %d tokens x %s, said to have the hash %s\n" (List.length head.rows) (Z.to_string head.dim) sha256;
        if good then List.iter tell_accepted audits
        else if well_shaped head then List.iter (tell_refused head) audits
        else print_endline "the rows have no coordinates, or not as many as the head";
        Printf.printf "%s (%.1f s of proved code)\n" (if good then "accepted" else "refused") (Sys.time () -. started);
        exit (if good then 0 else 1)
      with
      | Unreadable message ->
          Printf.printf "refused: %s\n" message;
          exit 1
      | Sys_error message ->
          Printf.printf "error: %s\n" message;
          exit 2
      | Out_of_memory | Stack_overflow ->
          print_endline "error: not enough memory";
          exit 2
    end
  | _ ->
      print_endline "usage: check EXPORT, a file that `unargmax export --exact` wrote";
      exit 2
