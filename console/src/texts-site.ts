/**
 * The part of the catalogue that is loaded with the state of the site and the grid of roles.
 *
 * @module
 */

export const siteTexts = {
  grid: {
    title: 'Who may',
    below: 'What the policies of this site permit, whoever it is; what is not listed is denied',
    role: 'Role',
    class: 'Of a patient, or of the site',
    actions: 'May',
    purposes: 'For',
    needs: 'Only with',
    needsNothing: 'nothing more',
    nothing: 'Nothing at all: no policy permits this role anything.',
    hash: 'Policies {hash}. Labels, consents and denials narrow it further, record by record.',
    other: 'What other policies would change',
    files: 'Policies to try',
    filesHow:
      'Cedar files, all of a set together. Nothing is changed: whoever runs the site puts them into its folder.',
    breach: 'Would not hold any more',
    same: 'The grid would be the same.',
  },
  site: {
    title: 'Site',
    below: 'What runs here, with whom, and what of it is simulated',
    runs: 'What runs',
    version: 'Version',
    profile: 'Profile',
    role: 'Role',
    engine: 'Store',
    folder: 'Folder',
    started: 'Started',
    records: 'Patients, items',
    listener: 'Listener',
    daemon: 'Daemon',
    leads: 'leads',
    serves: 'serves',
    silent: 'silent',
    peers: 'Other sites',
    peersNone: 'This site knows no other',
    site: 'Site',
    connection: 'Connection',
    connected: '● connected',
    away: '▲ away',
    witness: 'Cosigned entries of this log',
    simulated: 'What is simulated',
    simulatedLinks:
      'The optics of {links}: source, fibre and detectors. Their keys are computational, however good the figures look; sifting, estimation, correction, verification and amplification are the real ones.',
    simulatedPatients:
      'The profile is demo: simulated keys count as quantum, so only invented patients are taken.',
    simulatedNothing:
      'Nothing: no link of this site has simulated optics, and the profile takes no simulated key as quantum.',
    real: 'Not simulated: the store, the seals, the log and its witnesses, sessions between sites with ML-KEM-1024 and X25519.',
    trust: 'Certificates and lists',
    trustHow:
      'Whom this site trusts, and until when. What ends soon, or is revoked, raises an alarm as well.',
    fingerprint: 'Root of trust (SHA-256, to be compared by word of mouth)',
    part: 'What',
    until: 'Until',
    whatThen: 'What then',
    trustState: { good: '● good', ending: '◆ ends soon', ended: '▲ ended', refused: '▲ refused' },
    settings: 'Settings',
    settingsHow:
      'All of them stand in one file and are read when the daemon starts; policies, revocation lists and certificates take effect without a restart.',
    settingsNow: '● The daemon runs as the file says.',
    settingsOther:
      '◆ The file says something else than what runs: restart the daemon to have it so.',
    settingsWritten: 'written',
    settingsDefault: 'default',
    settingsOwn: 'What the file says ({count})',
    settingsAll: 'All members, with their defaults ({count})',
    member: 'Member',
    value: 'Value',
    backup: 'Backup',
    backupHave:
      'The store (state.db, records sealed) can be copied while the daemon stands still, and site-keys/ with the root key apart from it: whoever has both has the records.',
    backupNot:
      'Keys are never backed up: leave out keys/ and psk/. A restored key store is noticed by both ends, and its keys are voided.',
    backupMissing: 'Not built yet: backups by themselves, while the daemon runs, and by shares.',
    commands: 'Kept to the command line',
    commandsHow: 'What ends keys or moves roots of trust is typed by somebody at the machine:',
  },
} as const
