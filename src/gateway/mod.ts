/**
 * The gateway: the real ports of a site, and what a daemon needs to start and to stop.
 *
 * Rooms receive these as arguments and never see that they are real. Decides nothing: what a
 * message, a request or a row means is known elsewhere.
 *
 * @module
 */

export { AdminListener, openAdmin, type AdminOptions } from './admin.ts'
export * from './clock.ts'
export { type ChainCheck } from './dial.ts'
export { FilePath, readConfiguration, readConfigurationFile } from './config.ts'
export { TlsConnection } from './connection.ts'
export { ConsoleSessions } from './console-sessions.ts'
export { openConsole, type ConsoleListener } from './console.ts'
export * from './disk.ts'
export { examine, type DoctorOptions } from './doctor.ts'
export { configurationChecks, explainConfiguration } from './explain.ts'
export * from './folder.ts'
export { HttpListener, openHttp, type HttpOptions, type NorthRequest } from './http.ts'
export { addressText, type TcpAddress } from './listen.ts'
export * from './log.ts'
export { MESSAGE_OCTETS_MAX, openNetwork, TlsNetwork, type NetworkOptions } from './network.ts'
export { deviceChannel, type PeerEntry, type PeerKind } from './peer.ts'
export { exportKeys, importKeys } from './courier.ts'
export { createPsk, importPsk } from './pre-shared.ts'
export * from './random.ts'
export * from './refusal.ts'
export { changeRootKey, changeRootKeyForm, showRootKey } from './root-key.ts'
export * from './shutdown.ts'
export { openPostgres, PostgresStore, type PostgresOptions } from './store-postgres.ts'
export { openSiteStore } from './store-open.ts'
export { openStore, SqliteStore, type StoreOptions } from './store.ts'
export type { Credentials, PeerCertificate, TlsSession } from './tls.ts'
export { startFibre, startFibres } from './fibre-daemon.ts'
export { workerCompute } from './link-compute.ts'
export { verifyStopped } from './offline.ts'
export { proofPowers } from './proof-powers.ts'
export * from './setup.ts'
export type { Daemon, DaemonOptions } from './site-daemon.ts'
export { openSiteDisk } from './site-disk.ts'
export { startSite } from './start-site.ts'
