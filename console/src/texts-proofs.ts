/**
 * The part of the catalogue that is loaded with the log and its proofs; the page for the disk has it too.
 *
 * @module
 */

export const proofTexts = {
  audit: {
    title: 'Audit log',
    below: 'Every act, in an append-only log that other sites cosign',
    index: 'Entry',
    at: 'When',
    kind: 'What',
    actor: 'Who',
    facts: 'Facts',
    older: 'Older',
    newest: 'Newest',
    none: 'No entry matches',
    filter: 'Kind',
    filterHow: 'A kind, or the beginning of some: key, transfer.delivered',
    size: '{size} entries, {signed} under a signed checkpoint',
    witnesses: 'Cosigned by',
    noWitness: 'No other site has cosigned yet',
  },
  proof: {
    title: 'Entry {index}',
    below: 'What it says, and the proof that it stands in the signed log',
    computed: 'Proof, computed in this browser',
    pending: 'No witnessed checkpoint covers this entry yet; one does within seconds of the next.',
    verified: 'Proven: every hash and every signature was computed here and is right.',
    half: 'Proven, but for signatures that this browser cannot check: of the two of each signer (Ed25519 and ML-DSA-44) it knows one only, which is right. Signers: {signers}.',
    refused: 'Not proven: see which step failed.',
    steps: 'Steps of the check',
    step: {
      form: 'Form.',
      keys: 'Keys.',
      event: 'Event.',
      inclusion: 'Inclusion.',
      checkpoint: 'Checkpoint.',
      witnesses: 'Witnesses.',
      time: 'Time.',
    },
    claims:
      'The proof shows that the site said so by then and that others saw it; not that what it said is true.',
    download: 'Download the proof',
    offline: 'Download the page that verifies it without any server',
    whole: 'The proof as it is written',
    first:
      'This browser sees this log for the first time; it will tell whether later ones continue it.',
    continued:
      'The log of {to} entries continues the one of {from} that this browser has seen: nothing was changed or taken out.',
    broken:
      'This log does not continue the one that this browser saw before ({from} and {to} entries): it was rewritten, or another is shown here. Keep this browser as it is and compare with a witness.',
  },
  offline: {
    title: 'Verify a proof',
    how: 'This page computes everything by itself. It asks no server, and its security policy forbids it to.',
    file: 'Proof (a file of PhotonWard)',
    trust: 'Verifier keys that you trust, one a line; without them those in the file are believed',
    least: 'Witnesses that must have cosigned',
    verify: 'Verify',
    entry: 'What the entry says',
    event: 'The event that it binds',
    witnesses: 'Witnesses, and when they saw it',
  },
} as const
