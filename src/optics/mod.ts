/**
 * Optics: what devices report, and simulated sources, channels, detectors and eavesdroppers.
 *
 * @module
 */

export * from './device.ts'
