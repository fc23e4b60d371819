"""The settings that the domain obeys, as one frozen value. Built by the composition root from the
settings catalogue, which alone holds the defaults; handed in again whenever one of them changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.metering.measurands import Wanted


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations in seconds; 0 switches a periodic thing off."""

    ev_connection_timeout_s: int  # TxCtrlr.EVConnectionTimeOut / ConnectionTimeOut
    auth_enabled: bool  # AuthCtrlr.Enabled; False = free vend
    authorize_remote_start: bool  # AuthCtrlr.AuthorizeRemoteStart / AuthorizeRemoteTxRequests
    local_authorize_offline: bool  # AuthCtrlr.LocalAuthorizeOffline
    local_pre_authorize: bool  # AuthCtrlr.LocalPreAuthorize
    offline_tx_for_unknown_id: bool  # AuthCtrlr.OfflineTxForUnknownIdEnabled
    auth_cache_enabled: bool  # AuthCacheCtrlr.Enabled
    local_list_enabled: bool  # LocalAuthListCtrlr.Enabled
    local_list_entries: int  # most tokens in the list: LocalAuthListCtrlr.Entries.maxLimit
    local_list_items: int  # most in one message: LocalAuthListCtrlr.ItemsPerMessage / SendLocalListMaxLength
    reservation_enabled: bool  # ReservationCtrlr.Enabled
    reservation_non_evse_specific: bool  # ReservationCtrlr.NonEvseSpecific / ReserveConnectorZeroSupported
    stop_tx_on_invalid_id: bool  # TxCtrlr.StopTxOnInvalidId
    max_energy_on_invalid_id_wh: int  # TxCtrlr.MaxEnergyOnInvalidId
    stop_tx_on_ev_side_disconnect: bool  # TxCtrlr.StopTxOnEVSideDisconnect
    unlock_on_ev_side_disconnect: bool  # OCPPCommCtrlr.UnlockOnEVSideDisconnect
    tx_before_accepted: bool  # TxCtrlr.TxBeforeAcceptedEnabled
    tx_continues_after_power_loss: bool  # JoulepostCtrlr.TxAfterPowerLoss
    replug_after_time_out: bool  # JoulepostCtrlr.ReplugAfterTimeOut
    sampled_interval_s: int  # SampledDataCtrlr.TxUpdatedInterval / MeterValueSampleInterval
    sampled_measurands: tuple[Wanted, ...]  # SampledDataCtrlr.TxUpdatedMeasurands
    started_measurands: tuple[Wanted, ...]  # SampledDataCtrlr.TxStartedMeasurands
    ended_interval_s: int  # SampledDataCtrlr.TxEndedInterval
    ended_measurands: tuple[Wanted, ...]  # SampledDataCtrlr.TxEndedMeasurands / StopTxnSampledData
    aligned_interval_s: int  # AlignedDataCtrlr.Interval / ClockAlignedDataInterval
    aligned_measurands: tuple[Wanted, ...]  # AlignedDataCtrlr.Measurands / MeterValuesAlignedData
    aligned_ended_interval_s: int  # AlignedDataCtrlr.TxEndedInterval / ClockAlignedDataInterval
    aligned_ended_measurands: tuple[Wanted, ...]  # AlignedDataCtrlr.TxEndedMeasurands / StopTxnAlignedData
    free_vend_token: str  # token used when auth_enabled is False
    meter_required: bool  # no charging without a meter reading younger than meter_stale_s
    meter_stale_s: int
    permit_lease_s: int  # how long the safety process may go on without hearing from the controller
    smart_charging_enabled: bool  # SmartChargingCtrlr.Enabled; False = profiles are neither taken nor obeyed
    profile_stack_level_max: int  # SmartChargingCtrlr.ProfileStackLevel / ChargeProfileMaxStackLevel
    profile_units: tuple[str, ...]  # SmartChargingCtrlr.RateUnit: "A", "W"
    profile_periods_max: int  # SmartChargingCtrlr.PeriodsPerSchedule / ChargingScheduleMaxPeriods
    profiles_max: int  # SmartChargingCtrlr.Entries[ChargingProfiles] / MaxChargingProfilesInstalled
    nominal_voltage_v: int  # for profiles in W, and what voltage limits are a percentage of
    over_current_percent: int  # more than this above the offer...
    over_current_margin_ma: int  # ...plus this...
    over_current_s: int  # ...for so long is over-current
    over_current_retries: int  # returns in one plug-in before it stays
    over_voltage_percent: int  # of nominal
    under_voltage_percent: int  # of nominal
    voltage_s: int
    voltage_retries: int
    protection_restart_s: int  # so long normal before charging is tried again
    random_delay_max_s: int  # UK Smart Charge Points Regulations; 0 = no random delay
    contactor_rated_operations: int  # without load, for the estimate of wear
    contactor_rated_under_load: int
    unsigned_firmware: bool  # JoulepostCtrlr.UnsignedFirmware, and a security profile below 2
    time_adjustment_threshold_s: int  # ClockCtrlr.TimeAdjustmentReportingThreshold
    security_profile: int  # SecurityCtrlr.SecurityProfile, 0 = none
    organization_name: str  # SecurityCtrlr.OrganizationName / CpoName
    station_serial: str  # ChargingStation.SerialNumber
    certificate_chain_max: int  # SecurityCtrlr.MaxCertificateChainSize, characters
    certificate_store_max: int  # most of SecurityCtrlr.CertificateEntries
    additional_root_check: bool  # SecurityCtrlr.AdditionalRootCertificateCheck
    cert_signing_wait_s: int  # SecurityCtrlr.CertSigningWaitMinimum
    cert_signing_repeats: int  # SecurityCtrlr.CertSigningRepeatTimes
