/**
 * What the gateway refuses by itself: most of it at start-up, so that no daemon comes up half.
 *
 * Refusals of a running port are `PortRefusal`s of `#base`, the same as in the world.
 *
 * @module
 */

import { Refusal } from '#base'

export type GatewayRefusalCode =
  /** Another process listens on the address. */
  | 'ADDRESS_IN_USE'
  /** The address cannot be listened on: unknown host, socket path too long, not a socket. */
  | 'ADDRESS_INVALID'
  /** Another daemon works on the same folder. */
  | 'SITE_IN_USE'
  /** No configuration file. */
  | 'CONFIG_MISSING'
  /** The configuration file is not JSON, or says something we do not know. */
  | 'CONFIG_INVALID'
  /** The operating system refuses access. */
  | 'PERMISSION_DENIED'
  /** Other accounts may read or write what must be ours alone. */
  | 'PERMISSION_TOO_OPEN'
  /** A site, link or SAE cannot have this name. */
  | 'NAME_INVALID'
  /** A folder that was to be made anew holds something already. */
  | 'FOLDER_IN_USE'
  /** There is no such folder. */
  | 'FOLDER_UNKNOWN'
  /** The random source of the operating system failed its start-up test. */
  | 'RANDOM_FAILED'
  /** A newer version of PhotonWard has written the database. */
  | 'STORE_NEWER'
  /** A migration that was already applied has been edited since. */
  | 'STORE_MIGRATION_CHANGED'
  /** The database cannot be opened: damaged, not ours, or a migration failed. */
  | 'STORE_UNREADABLE'
  /** The server of the database does not answer. */
  | 'STORE_UNREACHABLE'
  /** The server of the database is too old, or set so that commits would not be durable. */
  | 'STORE_UNSUPPORTED'
  /** The database is that of another site. */
  | 'STORE_OTHER_SITE'
  /** Key, certificate, trust anchor or revocation list cannot be used. */
  | 'CREDENTIALS_INVALID'
  /** A file that was to be shown is no certificate, or cannot be read. */
  | 'CERTIFICATE_UNREADABLE'
  /** A request on the admin socket is not of the form that its route asks for. */
  | 'REQUEST_INVALID'
  /** The link to the console has been used, or is too old. */
  | 'LOGIN_REFUSED'
  /** Nobody is logged in at the console, or no longer. */
  | 'LOGIN_NEEDED'
  /** A site without records has no people who could sign in. */
  | 'SIGN_IN_ABSENT'
  /** No provider of sign-in of that name is in the configuration. */
  | 'PROVIDER_UNKNOWN'
  /** A provider of sign-in does not answer; people sign in here without it. */
  | 'PROVIDER_UNREACHABLE'
  /** What a provider of sign-in has answered proves nobody, or it refused by itself. */
  | 'PROVIDER_REFUSED'
  /** The roles of whoever has signed in do not reach this. */
  | 'ROUTE_FORBIDDEN'
  /** No simulated fibre of that link answers, or the site has no attack lab. */
  | 'FIBRE_UNKNOWN'
  /** A simulated fibre does not take an attack as it is described; the message is the fibre's. */
  | 'FIBRE_REFUSED'
  /** A worker thread of a link failed; its session is lost, the next gets a new one. */
  | 'WORKER_FAILED'
  /** No connection to the SIEM, or it ended before the messages were taken. */
  | 'SIEM_UNREACHABLE'

/** The outside world is not as the daemon needs it; the operator can act on `code`. */
export class GatewayRefusal extends Refusal<GatewayRefusalCode> {
  override readonly name = 'GatewayRefusal'
}
