"""Datasets: dropped, looked through, mapped, made and kept."""
