/**
 * The configuration of a site: what `photonward.json` in its folder may say.
 *
 * Every member that has a sensible value has it as its default. An unknown member is refused, so
 * that a misspelt setting never passes silently.
 *
 * @module
 */

import { Exactly, KEY_SOURCES, linkId, OneOf, siteId, Text, Type, Whole, type Static } from '#base'
import { namedLink } from '#optics'
import { BLOCK_BOUNDS, linkParameters, type LinkParameters } from '#qkd'
import { BLOCK_OCTETS_MAX, LINKS_MAX, NODES_MAX, SHARES_MAX } from '#relay'
import { MODES } from '#session'
import { ProviderShape } from './config-providers.ts'
import { PURPOSE_WORDS, SENSITIVITY_WORDS } from './fhir-words.ts'
import { KEYS_PER_BLOCK_MAX } from './kme-link-messages.ts'

const Name = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' })
const Sae = Type.String({ pattern: "^[A-Za-z0-9._~:@!$&'()*+,;=-]{1,64}$" })
const Address = Exactly({ host: Text(255, 1), port: Whole(0, 65_535) })
const WholeOr = (standard: number, minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, default: standard })
const Choice = <const T extends readonly string[]>(options: T, chosen: T[number]) =>
  Type.Unsafe<T[number]>(
    Type.Union(
      options.map((option) => Type.Literal(option)),
      { default: chosen },
    ),
  )

/** What becomes of the last way to a site. */
const LAST_PATHS = ['wait', 'use'] as const
export type LastPath = (typeof LAST_PATHS)[number]

const LinkShape = Exactly({
  link: Name,
  /** The site at the other end. */
  peer: Name,
  role: Choice(['transmitter', 'receiver'] as const, 'transmitter'),
  /** The device of this end: its certified name and address. */
  device: Exactly({ name: Name, host: Text(255, 1), port: Whole(1, 65_535) }),
  /** Settings of the devices, by the name of a link preset. */
  preset: Text(64, 1),
  /** Pulses per second, where a machine cannot keep up with the preset's. Same at both ends. */
  clockHz: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  /**
   * By which bound keys are made. Left out: `wiesemann-2024` where the preset's source sends weak
   * pulses, `three-state` where these have three states, `tomamichel-2012` where it sends entangled
   * pairs.
   */
  bound: Type.Optional(Type.Union(BLOCK_BOUNDS.map((bound) => Type.Literal(bound)))),
  blockBits: WholeOr(1_000_000, 1024, 2 ** 25),
  /**
   * What authenticates a session for which the ends have no reserve in common: signatures, or a chunk
   * of a pre-shared key (`photonward link psk`). Same at both ends.
   */
  bootstrap: Type.Optional(Choice(['signature', 'psk'] as const, 'signature')),
  /** By questions and answers, or one way, for links with a long way to go. Same at both ends. */
  reconciliation: Type.Optional(Choice(['cascade', 'ldpc'] as const, 'cascade')),
  /**
   * What error correction reveals: each parity once, or also where the receiver's questions say
   * errors are (`two-way`: twice, and no argument needed why not). Same at both ends.
   */
  leakCharge: Type.Optional(Choice(['one-way', 'two-way'] as const, 'one-way')),
  /**
   * Hash family of privacy amplification; `toeplitz` is linear, and what `three-state` asks for.
   * Left out: `modular`, but there. Same at both ends.
   */
  amplification: Type.Optional(OneOf('modular', 'toeplitz')),
  secrecy: Type.Number({ exclusiveMinimum: 0, maximum: 1e-3, default: 1e-10 }),
  correctness: Type.Number({ exclusiveMinimum: 0, maximum: 1e-3, default: 1e-15 }),
  qberMax: Type.Number({ exclusiveMinimum: 0, maximum: 0.25, default: 0.08 }),
})

const KmeLinkShape = Exactly({
  link: Name,
  /** The site at the other end, which names this link with the other role. */
  peer: Name,
  /** Which end asks for fresh keys; the other fetches them by their key_IDs. */
  role: Choice(['transmitter', 'receiver'] as const, 'transmitter'),
  /** The vendor's KME at this site, and as whom this site asks it; files count from its folder. */
  kme: Exactly({
    url: Type.String({ pattern: '^https://[A-Za-z0-9.:\\[\\]-]{1,255}/?$' }),
    certificate: Text(1024, 1),
    key: Text(1024, 1),
    ca: Text(1024, 1),
    /** The name in the KME's certificate, where it is not that of the URL. */
    serverName: Type.Optional(Text(255, 1)),
  }),
  /** SAE IDs under which the vendor's KMEs know this site and the other. */
  sae: Text(64, 1),
  peerSae: Text(64, 1),
  /** Who has held the keys besides the two sites: a name for records. Same at both ends. */
  vendor: Type.String({ ...Name, default: 'vendor' }),
  /** Bits of each key. Same at both ends. */
  keyBits: Type.Integer({ minimum: 128, maximum: 4096, multipleOf: 8, default: 256 }),
  /** Keys in one block, half of which are for either end to give out. */
  keysPerBlock: WholeOr(64, 8, KEYS_PER_BLOCK_MAX),
  /** Bits in the smaller half of the pool below which more keys are asked for. */
  targetBits: WholeOr(2 ** 20, 2048, 2 ** 31),
  /** How long a KME without keys is left alone. */
  pollMs: WholeOr(2000, 100, 3_600_000),
  /** How long an answer of the KME may take. */
  timeoutMs: WholeOr(10_000, 100, 120_000),
  /**
   * The probability, for each block, that its keys are not ideal, as the vendor asserts it; 1 where
   * nothing is asserted. Same at both ends.
   */
  epsilon: Type.Number({ minimum: 0, maximum: 1, default: 1 }),
})

const RelayShape = Exactly({
  /** A site to which no link of this one leads. It names this one among its own. */
  peer: Name,
  /** Shares of each block, on as many ways without a common site, where there are so many. */
  shares: WholeOr(2, 1, SHARES_MAX),
  /** On fewer ways than these nothing is sent: keys run out rather than rest on fewer. */
  sharesLeast: WholeOr(1, 1, SHARES_MAX),
  /** Octets of each block; half of them are for either end to give out. */
  blockOctets: WholeOr(8192, 256, BLOCK_OCTETS_MAX),
  /** Bits that this site may give out, below which it has more relayed. */
  targetBits: WholeOr(2 ** 20, 2048, 2 ** 31),
})

const PartnerShape = Exactly({
  /** No site has this name. */
  name: Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$' }),
  /** Where its KME is: `https://`, host and port. */
  url: Type.String({ pattern: '^https://[A-Za-z0-9.:[\\]-]{1,255}$' }),
  /** PEM file of the authorities that its certificates come from. */
  authority: Text(1024, 1),
  /** PEM files of the certificates that its KME may show; no other is taken. */
  certificates: Type.Array(Text(1024, 1), { minItems: 1, maxItems: 8 }),
  /** Applications of its network, under which it may hand over keys and get some. */
  saes: Type.Array(Sae, { minItems: 1, maxItems: 4096 }),
  /** Where it reaches this site's listener: `https://`, host and port. */
  callback: Type.Optional(Type.String({ pattern: '^https://[A-Za-z0-9.:[\\]-]{1,255}$' })),
  requestsPerSecond: WholeOr(50, 1, 1_000_000),
})

/** A client of the FHIR server, by the name in its certificate. */
const FhirClientShape = Exactly({
  name: Sae,
  /**
   * For a system of the hospital that shows everything to its own users, by its own rules: `read` is
   * `system/*.rs`, `write` is `system/*.cruds`, both with every clearance. Consents still count. Not
   * beside `scopes`; of neither, `read`.
   */
  may: Type.Optional(OneOf('read', 'write')),
  /** What it may do, as SMART system scopes separated by spaces: `system/Observation.rs`. */
  scopes: Type.Optional(Text(2048, 1)),
  /** Purposes of use that it may ask for, the usual one first. */
  purposes: Type.Optional(Type.Array(OneOf(...PURPOSE_WORDS), { minItems: 1, maxItems: 10 })),
  /** Sensitive data that it may have without a patient's consent to it; with `scopes`, none. */
  clearances: Type.Optional(Type.Array(OneOf(...SENSITIVITY_WORDS), { maxItems: 16 })),
})

/** Purposes for which consent is taken as given, unless the configuration says else. */
export const IMPLIED_PURPOSES = PURPOSE_WORDS.filter((one) => one !== 'HRESCH' && one !== 'HMARKT')

const FhirShape = Exactly({
  listen: Address,
  /** URL under which clients reach it, with its path; left out, the host that they name. */
  base: Type.Optional(
    Type.String({ pattern: '^https://[A-Za-z0-9.:\\[\\]-]{1,255}(?:/[a-z0-9/-]*[a-z0-9])?$' }),
  ),
  /** Whether `Type/id` must lead to a resource of this site, or may lead anywhere. */
  references: Choice(['any', 'here'] as const, 'any'),
  /**
   * Whether clients may come with an access token instead of a certificate, and where tokens are to be
   * had: `photonward app add`. The listener then also takes connections without a certificate.
   */
  tokens: Type.Boolean({ default: false }),
  /** Origins whose pages a browser lets read answers, to the letter: of apps that run in a browser. */
  origins: Type.Array(Type.String({ pattern: '^https?://[A-Za-z0-9.:\\[\\]-]{1,255}$' }), {
    maxItems: 32,
    default: [],
  }),
  /** Addresses that subscriptions may tell; one that ends with a slash means what is below it. */
  hookEndpoints: Type.Array(
    Type.String({ pattern: '^https://[A-Za-z0-9.:\\[\\]-]{1,255}/[\\x21-\\x7e]{0,1024}$' }),
    { maxItems: 64, default: [] },
  ),
  /** Who may ask with a certificate; nobody else. */
  clients: Type.Array(FhirClientShape, { maxItems: 256, default: [] }),
  /** Purposes for which consent is taken as given; research and marketing never are. */
  impliedPurposes: Type.Array(OneOf(...PURPOSE_WORDS), { maxItems: 10, default: IMPLIED_PURPOSES }),
})

/** The network as it was planned, the same at all its sites: what may be routed over. */
const NetworkShape = Exactly({
  nodes: Type.Array(
    Exactly({
      site: Name,
      kind: Choice(['hospital', 'trusted-node'] as const, 'trusted-node'),
      /** Whether it passes on keys of others. */
      relays: Type.Boolean({ default: true }),
      /** What people call it, and where it stands: for maps. Nothing is routed by them. */
      title: Type.Optional(Text(120, 1)),
      place: Type.Optional(
        Exactly({
          latitude: Type.Number({ minimum: -90, maximum: 90 }),
          longitude: Type.Number({ minimum: -180, maximum: 180 }),
        }),
      ),
    }),
    { maxItems: NODES_MAX, default: [] },
  ),
  links: Type.Array(Exactly({ link: Name, a: Name, b: Name }), {
    maxItems: LINKS_MAX,
    default: [],
  }),
})

/** One of several daemons that serve the site together: its name, and where applications meet it. */
const DaemonShape = Exactly({
  name: Name,
  northListener: Address,
  etsi004Listener: Type.Optional(Address),
})

/** Where the site keeps its data: in its folder, or in a database of PostgreSQL that is its alone. */
const StoreShape = Type.Object(
  {
    kind: Choice(['sqlite', 'postgres'] as const, 'sqlite'),
    /** Of PostgreSQL: a name or address, or the folder of its socket file. */
    host: Type.String({ minLength: 1, maxLength: 255, default: '/var/run/postgresql' }),
    port: WholeOr(5432, 1, 65_535),
    database: Type.String({ minLength: 1, maxLength: 63, default: 'photonward' }),
    user: Type.String({ minLength: 1, maxLength: 63, default: 'photonward' }),
    /** File with the password; left out where the socket file tells who asks. */
    passwordFile: Type.Optional(Text(1024, 1)),
    /** File with the authority of the server's certificate; over a network TLS 1.3 is required. */
    caFile: Type.Optional(Text(1024, 1)),
  },
  { additionalProperties: false },
)

/** An object storage that speaks S3, in place of the folder `blobs`. */
const S3Shape = Exactly({
  /** `https://`, host and port; `http://` to this machine itself alone. */
  endpoint: Type.String({
    pattern:
      '^(?:https://[A-Za-z0-9.:\\[\\]-]{1,255}|http://(?:localhost|127\\.0\\.0\\.1|\\[::1\\])(?::[0-9]{1,5})?)$',
  }),
  /** It must exist. Versioning should be off, for what is removed would stay. */
  bucket: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
  /** Before all names, with a slash at its end. The site's own name always follows. */
  prefix: Type.String({ pattern: '^(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}/){0,4}$', default: '' }),
  region: Type.String({ pattern: '^[a-z0-9-]{1,63}$', default: 'us-east-1' }),
  /** File with the access key, as JSON: `accessKeyId`, `secretAccessKey`, perhaps `sessionToken`. */
  credentialsFile: Text(1024, 1),
  /** File with the authority of the server's certificate; left out, those that Node brings. */
  caFile: Type.Optional(Text(1024, 1)),
})

export const SiteConfigurationShape = Exactly({
  site: Name,
  /** Name of the federation whose authority certifies this site. */
  federation: Text(64, 1),
  /** ID of this site's Key Management Entity. */
  kme: Sae,
  profile: Choice(['demo', 'production'] as const, 'production'),
  /**
   * What the site is. A `trusted-node` passes on keys of others and serves those of its own links; it
   * keeps no records: no vault, no transfers, no FHIR, and no session for anything but its links.
   */
  role: Choice(['hospital', 'trusted-node'] as const, 'hospital'),
  /** Origin line of the log; must never change. */
  logOrigin: Text(255, 1),
  /** Where other sites reach this one. */
  peerListener: Address,
  /** Where applications ask for keys (ETSI GS QKD 014). */
  northListener: Address,
  /** Where applications open key streams (ETSI GS QKD 004); left out, nowhere. */
  etsi004Listener: Type.Optional(Address),
  /**
   * Where KMEs of other operators hand over keys (ETSI GS QKD 020); left out, nowhere: then partners
   * must answer at once.
   */
  etsi020Listener: Type.Optional(Address),
  /** What partners are shown: PEM files, from the folder of the site. Needed where there are any. */
  etsi020Identity: Type.Optional(Exactly({ key: Text(1024, 1), certificate: Text(1024, 1) })),
  /** Other operators with whom keys are shared. */
  partners: Type.Array(PartnerShape, { maxItems: 64, default: [] }),
  /** Where clients of FHIR R4 read and write records; left out, nowhere. */
  fhir: Type.Optional(FhirShape),
  /** Where the log is sent as it grows: syslog over TLS (RFC 5425). Nothing of a patient goes there. */
  siem: Type.Optional(
    Exactly({
      host: Text(255, 1),
      port: WholeOr(6514, 1, 65_535),
      /** PEM file of the authority that the receiver's certificate comes from. */
      authority: Text(1024, 1),
      /** What is shown to the receiver: PEM files. */
      identity: Type.Optional(Exactly({ key: Text(1024, 1), certificate: Text(1024, 1) })),
      /** The message: an event of OCSF as JSON, or structured data alone. */
      format: Choice(['ocsf', 'plain'] as const, 'ocsf'),
    }),
  ),
  /** For how long events of accesses are kept beside their entries in the log, which stay. */
  eventYears: WholeOr(6, 1, 100),
  /** Reading in an emergency: until when somebody else has to look at it. */
  breakGlass: Type.Object(
    { reviewHours: WholeOr(72, 1, 8760) },
    { additionalProperties: false, default: { reviewHours: 72 } },
  ),
  /** Where else than here people may sign in. */
  people: Type.Object(
    { providers: Type.Array(ProviderShape, { maxItems: 8, default: [] }) },
    { additionalProperties: false, default: { providers: [] } },
  ),
  /** Where SDN controllers read and steer (ETSI GS QKD 015 over RESTCONF); left out, nowhere. */
  restconfListener: Type.Optional(Address),
  /** Controllers by the names in their certificates, and whether they may change anything. */
  controllers: Type.Array(Exactly({ name: Sae, may: Choice(['read', 'steer'] as const, 'read') }), {
    maxItems: 16,
    default: [],
  }),
  /** Where the console is, an address of this machine alone (HTTP); left out, nowhere. */
  consoleListener: Type.Optional(Address),
  /** Folders of simulated fibres on this machine that the console may attack; in the profile `demo` only. */
  consoleFibres: Type.Array(Text(1024, 1), { maxItems: 64, default: [] }),
  /** Further names and addresses in the certificates, besides localhost and the site's name. */
  dns: Type.Array(Text(255, 1), { maxItems: 16, default: [] }),
  peers: Type.Array(Exactly({ site: Name, kme: Sae, host: Text(255, 1), port: Whole(1, 65_535) }), {
    maxItems: 256,
    default: [],
  }),
  links: Type.Array(LinkShape, { maxItems: 64, default: [] }),
  /** Links whose keys a vendor's QKD system makes, taken from its KMEs by ETSI GS QKD 014. */
  kmeLinks: Type.Array(KmeLinkShape, { maxItems: 64, default: [] }),
  /** Sites, among the peers, to and from which couriers carry keys (`photonward key export-courier`). */
  couriers: Type.Array(Exactly({ peer: Name }), { maxItems: 64, default: [] }),
  /** Distant sites, among the peers, with which keys are shared over trusted nodes. */
  relays: Type.Array(RelayShape, { maxItems: 256, default: [] }),
  /**
   * What becomes of the only way left to a site if it is under suspicion or leads over a node that
   * was declared compromised. `wait`: its keys wait, with an alarm. `use`: it is used for want of
   * another, with an alarm: keys that were there before the suspicion are given out, and ways lead
   * over that node. Both ends of a link should say the same.
   */
  lastPath: Choice(LAST_PATHS, 'wait'),
  /** For how long a link may be without its other end before an alarm says so. */
  linkDownMs: WholeOr(30_000, 1000, 86_400_000),
  /** All sites and links of the network; needed where keys are relayed. */
  network: Type.Optional(NetworkShape),
  /** Applications that may ask for keys, and the site each one is at. */
  saes: Type.Array(Exactly({ sae: Sae, site: Name }), { maxItems: 4096, default: [] }),
  /** Least protection of each class of data; raised by whoever asks for more. */
  policy: Type.Record(
    Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }),
    Choice(MODES, 'require-quantum'),
    {
      minProperties: 1,
      default: {
        clinical: 'prefer-quantum',
        archive: 'require-quantum',
        'link-authentication': 'post-quantum',
      },
    },
  ),
  policyVersion: WholeOr(1, 1, Number.MAX_SAFE_INTEGER),
  /** What single applications of this site may; whatever is left out is not limited. */
  saePolicies: Type.Array(
    Exactly({
      sae: Sae,
      /** Serial number of its certificate, hexadecimal, where `saeFields` has `serial`. */
      serial: Type.Optional(Type.String({ pattern: '^[0-9A-F]{1,40}$' })),
      /** The only SAEs it may share keys with. */
      peers: Type.Optional(Type.Array(Sae, { maxItems: 256 })),
      requestsPerSecond: Type.Optional(Whole(1, 1_000_000)),
      /** Bits of key that it may have made in an hour. */
      bitsPerHour: Type.Optional(Whole(64)),
      /** The least worthy source that its keys may come from. */
      leastSource: Type.Optional(OneOf(...KEY_SOURCES)),
      /** Whether it may have what of each pool is kept for emergencies (`emergencyBits`). */
      emergency: Type.Optional(Type.Boolean()),
    }),
    { maxItems: 4096, default: [] },
  ),
  /** Where in a certificate the SAE ID stands: the first that names one decides. */
  saeFields: Type.Array(OneOf('uri', 'common-name', 'serial'), {
    minItems: 1,
    maxItems: 3,
    default: ['uri', 'common-name'],
  }),
  /** Where clients of GS QKD 014 differ from each other, or from the text. */
  etsi014Dialect: Type.Object(
    {
      /** Accept `additional_slave_SAE_IDs: []`. */
      emptyAdditionalSlaves: Type.Boolean({ default: true }),
      /** Accept `dec_keys?key_IDs=a,b`. */
      keyIdsQuery: Type.Boolean({ default: false }),
      /** Pass over members and parameters that the standard does not know. */
      unknownMembers: Type.Boolean({ default: false }),
    },
    {
      additionalProperties: false,
      default: { emptyAdditionalSlaves: true, keyIdsQuery: false, unknownMembers: false },
    },
  ),
  /**
   * The most that one application may have of a pool, of what is there and what it has lately had
   * (half after a minute); 1 is no limit.
   */
  saeShare: Type.Number({ minimum: 0.01, maximum: 1, default: 0.5 }),
  /** Requests a second that one application may keep up; twice as many at once. */
  saeRequestsPerSecond: WholeOr(1000, 1, 1_000_000),
  /** Bits of each pool that applications cannot have: left for the site's own sessions. */
  reserveBits: WholeOr(4096, 0, 2 ** 31),
  /** Bits of each pool above those that only applications marked `emergency` can have. */
  emergencyBits: WholeOr(0, 0, 2 ** 31),
  /** How often new log entries are put under a signed, witnessed checkpoint. */
  checkpointMs: WholeOr(1000, 100, 3_600_000),
  /** Left out: `sqlite`. */
  store: Type.Optional(StoreShape),
  /** Where containers above 64 KiB lie; left out, in the folder. */
  blobs: Type.Optional(Exactly({ s3: S3Shape })),
  /**
   * Daemons that serve the site together over one database of PostgreSQL, each started under its name
   * (`photonward serve --as b`); left out, there is one, without a name. One of them leads.
   */
  daemons: Type.Array(DaemonShape, { maxItems: 16, default: [] }),
  /** For how long the daemon that leads may be silent before another leads in its place. */
  leaseMs: WholeOr(5000, 1000, 60_000),
  /**
   * On another machine than the site's own: where its leading daemon listens for peers. Daemons here
   * serve applications and never lead, for the keys to what is stored are not in their folder.
   */
  leader: Type.Optional(Exactly({ host: Text(255, 1), port: Whole(1, 65_535) })),
  logLevel: Choice(['debug', 'info', 'warning', 'error'] as const, 'info'),
})

export type SiteConfiguration = Static<typeof SiteConfigurationShape>
export type KmeLinkConfiguration = SiteConfiguration['kmeLinks'][number]
export type FhirClient = Static<typeof FhirClientShape>
export type LinkConfiguration = Static<typeof LinkShape>
export type DaemonConfiguration = Static<typeof DaemonShape>

/** The parameters of a link, which both ends must find the same. @throws QkdRefusal, OpticsRefusal */
export function parametersOf(site: string, link: LinkConfiguration): LinkParameters {
  const { peer, role, preset, clockHz, bound, blockBits, qberMax } = link
  const { reconciliation, leakCharge, amplification, bootstrap } = link
  const [transmitter, receiver] = role === 'transmitter' ? [site, peer] : [peer, site]
  return linkParameters({
    link: linkId(link.link),
    transmitter: siteId(transmitter),
    receiver: siteId(receiver),
    pulses: namedLink(preset, clockHz).link.settings,
    ...(bound === undefined ? {} : { bound }),
    blockBits,
    qberMax,
    ...(reconciliation === undefined ? {} : { correction: reconciliation }),
    ...(leakCharge === undefined ? {} : { leakCharge }),
    ...(amplification === undefined ? {} : { amplification }),
    ...(bootstrap === undefined ? {} : { bootstrap }),
    epsilons: { secrecy: link.secrecy, correctness: link.correctness },
    reserveOctets: RESERVE_OCTETS,
    // A batch lasts milliseconds, a busy machine's answer tens of them.
    batchesInFlightMax: 32,
  })
}

/** The SAE through which the daemon of a site itself takes keys, for its sessions. */
export const siteSae = (site: string): string => `${DAEMON}${site}`

/** Whether an SAE is named as the daemon of a site is. */
export const isDaemonSae = (sae: string): boolean => sae.toLowerCase().startsWith(DAEMON)

const DAEMON = 'photonward.'

/** Hash key and 64 pads each way, of which a block spends five: a drought of a dozen blocks is survived. */
const RESERVE_OCTETS = 2 * (16 + 16 * 64)
