"""Every setting: declared once, named by presets, given by flags."""
