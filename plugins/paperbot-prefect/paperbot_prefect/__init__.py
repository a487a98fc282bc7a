"""The nightly data job as a Prefect flow: `paperbot_prefect.flow.nightly`."""
