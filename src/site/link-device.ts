/**
 * Whether a device does what its link was set up for.
 *
 * A bound holds for one kind of light at known settings only: weak pulses taken for single photons
 * would make keys that Eve knows in part. So a device that says of itself anything but what both
 * ends have agreed on is not used. What a device does and does not say, nobody sees here.
 *
 * @module
 */

import { Refusal, sameOctets } from '#base'
import type { PulseSettings } from '#optics'
import { parametersHash, type LinkParameters } from '#qkd'

export type DeviceRefusalCode =
  /** The device is of another kind than the link's, or set otherwise. */
  | 'DEVICE_SETTINGS_DIFFER'
  /** The device, or the session that would use it, is not there. */
  | 'DEVICE_AWAY'
  /** The device that can do this stands at the other end. */
  | 'DEVICE_ELSEWHERE'

/** A device cannot be used, or not for this. */
export class DeviceRefusal extends Refusal<DeviceRefusalCode> {
  override readonly name = 'DeviceRefusal'
}

/** Returns a device that fits, and closes one that does not. @throws DeviceRefusal */
export function fittingDevice<T extends { readonly settings: PulseSettings; close(): void }>(
  device: T,
  parameters: LinkParameters,
): T {
  const asIfAgreed = { ...parameters, pulses: device.settings }
  if (sameOctets(parametersHash(asIfAgreed), parametersHash(parameters))) return device
  device.close()
  throw new DeviceRefusal(
    'DEVICE_SETTINGS_DIFFER',
    'Expected a device with the settings of its link: compare the presets of site and device',
    { facts: { link: parameters.link } },
  )
}
