# HuggingGraph's server. CPU: docker build -t hugginggraph .
# CUDA: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 -t hugginggraph:cuda .
FROM python:3.11-slim AS build
ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
COPY constraints.txt ./
RUN pip install -c constraints.txt --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple "$TORCH"
COPY . .
RUN pip install -c constraints.txt ".[postgres]"

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 hugginggraph && mkdir /data && chown hugginggraph /data
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/huggingface \
    HUGGINGGRAPH_DATA_DIR=/data \
    HUGGINGGRAPH_CACHE_DIR=/data/cache \
    HUGGINGGRAPH_ARTIFACTS_DIR=/data/artifacts
USER 10001
WORKDIR /home/hugginggraph
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["hugginggraph"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
