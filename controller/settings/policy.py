"""From the settings to the domain's ``Policy``: the one place where rows and fields meet."""

from __future__ import annotations

from controller.domain.policy import Policy
from controller.settings import catalog as c
from controller.settings.settings import Settings


def policy(settings: Settings) -> Policy:
    """Build it anew whenever ``Settings.on_change`` calls."""
    return Policy(
        ev_connection_timeout_s=settings[c.EV_CONNECTION_TIMEOUT],
        auth_enabled=settings[c.AUTH_ENABLED],
        authorize_remote_start=settings[c.AUTHORIZE_REMOTE_START],
        local_authorize_offline=settings[c.LOCAL_AUTHORIZE_OFFLINE],
        local_pre_authorize=settings[c.LOCAL_PRE_AUTHORIZE],
        offline_tx_for_unknown_id=settings[c.OFFLINE_TX_FOR_UNKNOWN_ID],
        auth_cache_enabled=settings[c.AUTH_CACHE_ENABLED],
        local_list_enabled=settings[c.LOCAL_LIST_ENABLED],
        local_list_entries=c.MOST_LISTED,
        local_list_items=settings[c.LOCAL_LIST_ITEMS],
        stop_tx_on_invalid_id=settings[c.STOP_TX_ON_INVALID_ID],
        max_energy_on_invalid_id_wh=settings[c.MAX_ENERGY_ON_INVALID_ID],
        stop_tx_on_ev_side_disconnect=settings[c.STOP_TX_ON_EV_SIDE_DISCONNECT],
        unlock_on_ev_side_disconnect=settings[c.UNLOCK_ON_EV_SIDE_DISCONNECT],
        tx_before_accepted=settings[c.TX_BEFORE_ACCEPTED],
        tx_continues_after_power_loss=settings[c.TX_AFTER_POWER_LOSS] == "Continue",
        replug_after_time_out=settings[c.REPLUG_AFTER_TIME_OUT],
        sampled_interval_s=settings[c.SAMPLED_INTERVAL],
        sampled_measurands=settings[c.SAMPLED_MEASURANDS],
        started_measurands=settings[c.STARTED_MEASURANDS],
        ended_interval_s=settings[c.ENDED_INTERVAL],
        ended_measurands=settings[c.ENDED_MEASURANDS],
        aligned_interval_s=settings[c.ALIGNED_INTERVAL],
        aligned_measurands=settings[c.ALIGNED_MEASURANDS],
        aligned_ended_interval_s=settings[c.ALIGNED_ENDED_INTERVAL],
        aligned_ended_measurands=settings[c.ALIGNED_ENDED_MEASURANDS],
        free_vend_token=settings[c.FREE_VEND_TOKEN],
        meter_required=settings[c.METER_REQUIRED],
        meter_stale_s=settings[c.METER_STALE],
        permit_lease_s=settings[c.PERMIT_LEASE],
        profile_stack_level_max=settings[c.PROFILE_STACK_LEVEL],
        profile_units=settings[c.RATE_UNIT],
        profile_periods_max=settings[c.PERIODS_PER_SCHEDULE],
        profiles_max=c.MOST_PROFILES,
        nominal_voltage_v=settings[c.NOMINAL_VOLTAGE],
        over_current_percent=settings[c.OVER_CURRENT_PERCENT],
        over_current_margin_ma=settings[c.OVER_CURRENT_MARGIN],
        over_current_s=settings[c.OVER_CURRENT_TIME],
        over_current_retries=settings[c.OVER_CURRENT_RETRIES],
        over_voltage_percent=settings[c.OVER_VOLTAGE_PERCENT],
        under_voltage_percent=settings[c.UNDER_VOLTAGE_PERCENT],
        voltage_s=settings[c.VOLTAGE_TIME],
        voltage_retries=settings[c.VOLTAGE_RETRIES],
        protection_restart_s=settings[c.PROTECTION_RESTART],
        random_delay_max_s=settings[c.RANDOM_DELAY_MAXIMUM],
        unsigned_firmware=settings[c.UNSIGNED_FIRMWARE] and settings[c.SECURITY_PROFILE] < 2,
        contactor_rated_operations=settings[c.CONTACTOR_RATED_OPERATIONS],
        contactor_rated_under_load=settings[c.CONTACTOR_RATED_UNDER_LOAD],
        security_profile=settings[c.SECURITY_PROFILE],
        organization_name=settings[c.ORGANIZATION_NAME],
        station_serial=settings[c.STATION_SERIAL],
        certificate_chain_max=settings[c.MAX_CERTIFICATE_CHAIN_SIZE],
        certificate_store_max=c.CERTIFICATE_STORE_MAX,
        additional_root_check=settings[c.ADDITIONAL_ROOT_CHECK],
        cert_signing_wait_s=settings[c.CERT_SIGNING_WAIT_MINIMUM],
        cert_signing_repeats=settings[c.CERT_SIGNING_REPEAT_TIMES],
    )
