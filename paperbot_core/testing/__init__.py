"""The kit for authors of plugins: contracts to inherit, builders of values, fixtures for pytest.

Import from the modules: `contracts`, `builders`; the fixtures of `pytest_plugin` are there by
themselves once paperbot-core is installed.
"""
